import { sample } from '../ledger/sample.ts'
import type { ResolveName } from '../ports/resolve-name.ts'
import type { SeedSource } from '../ports/seed-source.ts'
import { formatMeshAddress } from './mesh-address.ts'

const resolveTimeoutMs = 3_000
/** A headless service may have thousands of addresses: some at random lead to the rest. */
const maxPerName = 8

/**
 * Seeds that are written down: names and addresses, with a port or without. A name that cannot be resolved hides no other.
 */
export function createNameSeeds(
  parts: { readonly resolve: ResolveName; readonly random: () => number },
  options: {
    readonly name: 'static' | 'dns'
    readonly hosts: readonly { readonly host: string; readonly port: number | undefined }[]
    /** Of those written without. */
    readonly port: number
  },
): SeedSource {
  const hosts = options.hosts.map(({ host, port = options.port }) => ({ host, port }))

  let unresolved: readonly string[] = []

  return {
    name: options.name,
    unresolved: () => unresolved,
    async find(signal) {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(resolveTimeoutMs)])
      const found = await Promise.allSettled(
        hosts.map(async ({ host, port }) => {
          const addresses = sample(await parts.resolve(host, limited), maxPerName, parts.random)
          return addresses.map(address => formatMeshAddress(address, port))
        }),
      )
      const addresses = found.flatMap(one => (one.status === 'fulfilled' ? one.value : []))
      const failures = found.flatMap(one => (one.status === 'rejected' ? [one.reason] : []))
      unresolved = hosts.flatMap(({ host, port }, index) =>
        found[index]?.status === 'rejected' ? [formatMeshAddress(host, port)] : [],
      )
      if (addresses.length === 0 && failures.length > 0) throw failures[0]
      return [...new Set(addresses)]
    },
  }
}
