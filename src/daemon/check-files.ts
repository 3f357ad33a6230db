import { readKeys, tellOpenMode } from '../adapters/cluster-keys/read-keys.ts'
import { refuseFolderOfK3s } from '../adapters/drop-folder/folder-of-k3s.ts'
import type { Config } from '../config/config.ts'
import type { Fault } from '../config/faults.ts'
import { HoldfastError } from '../ports/errors.ts'
import { findTokenFaults } from './tokens.ts'
import { checkUpstreamFiles } from './upstream-files.ts'

/** What a start would say of the files that the configuration names. */
export interface FileFindings {
  /** What it would refuse; at most one fault a file. */
  readonly faults: readonly Fault[]
  /** What it would tell and go on. */
  readonly warnings: readonly string[]
}

/** Reads them as a start would. */
export async function checkFiles(config: Config): Promise<FileFindings> {
  const upstreams = await checkUpstreamFiles(config)
  const { faults, warnings } = await checkSecretFile(config)
  const ofFolder = await checkDropFolder(config)
  const ofTokens = findTokenFaults(config)
  const wrong = ofTokens.filter(({ isDenied }) => !isDenied)
  const unread = ofTokens.filter(({ isDenied }) => isDenied)
  return {
    faults: [
      ...upstreams,
      ...wrong.map(({ file, problem }) => faultOf(file, problem)),
      ...faults,
      ...ofFolder,
    ],
    warnings: [
      ...warnings,
      ...unread.map(({ problem }) => `${problem}: it is not judged; ask as the user of the node`),
    ],
  }
}

async function checkSecretFile({ mesh }: Config): Promise<FileFindings> {
  const { enabled, secretFile: file } = mesh
  if (!enabled || file === undefined) return { faults: [], warnings: [] }
  try {
    const warning = tellOpenMode(file, await readKeys(file))
    return { faults: [], warnings: warning === undefined ? [] : [warning] }
  } catch (error) {
    return { faults: [refusal(file, error)], warnings: [] }
  }
}

async function checkDropFolder({ dropFolder: { path } }: Config): Promise<readonly Fault[]> {
  if (path === undefined) return []
  try {
    await refuseFolderOfK3s(path)
    return []
  } catch (error) {
    return [refusal(path, error)]
  }
}

/** Anything but a refusal is thrown on. */
function refusal(file: string, error: unknown): Fault {
  if (!(error instanceof HoldfastError)) throw error
  return faultOf(file, error.message)
}

const faultOf = (file: string, problem: string): Fault => ({
  path: '',
  origin: { kind: 'file', file },
  problem,
})
