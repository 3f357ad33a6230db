import { get } from 'node:http'
import type { Digest } from '../../../src/oci/digest.ts'
import type { HoldfastNode } from './holdfast.ts'
import { registryName } from './world.ts'

/** Where a node's clients ask for a blob. */
export const blobUrl = (
  { mirror }: Pick<HoldfastNode, 'mirror'>,
  repository: string,
  digest: Digest,
): string => `${mirror}/v2/${repository}/blobs/${digest}?ns=${registryName}`

/** A transfer that is watched while it runs: it ends whole, cut, or with the status that refused it. */
export function transfer(url: string) {
  const seen = { bytes: 0 }
  const ended = new Promise<'whole' | 'cut' | number>(done => {
    get(url, answer => {
      if (answer.statusCode !== 200) return done(answer.statusCode ?? 0)
      answer.on('data', chunk => {
        seen.bytes += chunk.length
      })
      answer.on('error', () => done('cut'))
      answer.on('close', () => done(answer.complete ? 'whole' : 'cut'))
    }).on('error', () => done('cut'))
  })
  return { seen, ended }
}
