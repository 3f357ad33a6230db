import { readUpstreamFiles, type UpstreamFiles } from '../adapters/registry/upstream-files.ts'
import type { Config } from '../config/config.ts'
import type { Fault } from '../config/faults.ts'
import { formatListen } from '../config/listen.ts'
import { HoldfastError } from '../ports/errors.ts'

/** Reads each file that `upstreamFiles` names as a start would; what is wrong is told, one fault a file. */
export async function checkUpstreamFiles(config: Config): Promise<readonly Fault[]> {
  const faults: Fault[] = []
  for (const file of config.upstreamFiles) {
    try {
      await readUpstreamFiles(config.upstreams, [file], ownAddresses(config))
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      faults.push({ path: '', origin: { kind: 'file', file }, problem: error.message })
    }
  }
  return faults
}

/** Holdfast's own endpoint in `registries.yaml` is no upstream. */
const ownAddresses = ({ mirror }: Config) => ({ ownAddresses: [formatListen(mirror.listen)] })

/** Reads what the configuration and the files it names say of registries. @throws HoldfastError `config-invalid` */
export function readUpstreams(config: Config): Promise<UpstreamFiles> {
  return readUpstreamFiles(config.upstreams, config.upstreamFiles, ownAddresses(config))
}
