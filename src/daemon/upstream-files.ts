import { networkInterfaces } from 'node:os'
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

/** Holdfast's own endpoint in `registries.yaml` is no upstream, by whatever address of this machine it is written. */
function ownAddresses({ mirror }: Config): { readonly ownAddresses: readonly string[] } {
  const { host, port } = mirror.listen
  const isEverywhere = host === '0.0.0.0' || host === '::'
  const own = Object.values(networkInterfaces()).flatMap(
    list => list?.map(one => one.address) ?? [],
  )
  const hosts = isEverywhere ? ['127.0.0.1', ...own] : [host]
  return { ownAddresses: hosts.map(one => formatListen({ host: one, port })) }
}

/** Reads what the configuration and the files it names say of registries. @throws HoldfastError `config-invalid` */
export function readUpstreams(config: Config): Promise<UpstreamFiles> {
  return readUpstreamFiles(config.upstreams, config.upstreamFiles, ownAddresses(config))
}
