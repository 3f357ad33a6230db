import type { Config } from '../config/config.ts'
import { createNameSeeds } from '../mesh/name-seeds.ts'
import type { SeedSource } from '../ports/seed-source.ts'
import type { Upstreams } from './upstreams.ts'

/** Where other nodes may be found, in the order it is tried. */
export function findSeeds(
  { mesh }: Config,
  { upstreams }: { readonly upstreams: Pick<Upstreams, 'resolveName'> },
): readonly SeedSource[] {
  const parts = { resolve: upstreams.resolveName, random: Math.random }
  const { port } = mesh.listen
  return [
    ...(mesh.seeds.length > 0
      ? [createNameSeeds(parts, { name: 'static', hosts: mesh.seeds, port })]
      : []),
    ...(mesh.dns.length > 0
      ? [createNameSeeds(parts, { name: 'dns', hosts: mesh.dns, port })]
      : []),
  ]
}
