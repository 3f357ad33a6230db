import { readKeys, tellOpenMode } from '../adapters/cluster-keys/read-keys.ts'
import type { Config } from '../config/config.ts'
import type { Fault } from '../config/faults.ts'
import { HoldfastError } from '../ports/errors.ts'
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
  return { faults: [...upstreams, ...faults], warnings }
}

async function checkSecretFile({ mesh }: Config): Promise<FileFindings> {
  const { enabled, secretFile: file } = mesh
  if (!enabled || file === undefined) return { faults: [], warnings: [] }
  try {
    const warning = tellOpenMode(file, await readKeys(file))
    return { faults: [], warnings: warning === undefined ? [] : [warning] }
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    const origin = { kind: 'file', file } as const
    return { faults: [{ path: '', origin, problem: error.message }], warnings: [] }
  }
}
