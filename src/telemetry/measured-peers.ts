import type { Holders } from '../ports/holders.ts'
import type { PeerClient } from '../ports/peer-port.ts'

/** How a look-up in the index of holders ended. `late`: not for all of them within its budget, `missed`: nobody holds one of them. */
export type LookUp = 'found' | 'missed' | 'late'

/** Counts what comes from other nodes. */
export interface PeerMeter {
  /** Bytes of content. */
  received(bytes: number): void
  lookedUp(result: LookUp): void
}

/** Counts the content that other nodes send: manifests and blobs, bytes that are thrown away included. */
export function measurePeers<T extends PeerClient>(client: T, meter: PeerMeter): T {
  async function* count(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of body) {
      meter.received(chunk.byteLength)
      yield chunk
    }
  }
  const measured: Pick<PeerClient, 'getManifest' | 'openBlob'> = {
    async getManifest(...question) {
      const answer = await client.getManifest(...question)
      meter.received(answer.bytes.byteLength)
      return answer
    },
    async openBlob(...question) {
      const answer = await client.openBlob(...question)
      return { ...answer, body: count(answer.body) }
    },
  }
  return { ...client, ...measured }
}

/** Counts look-ups by how they ended. @param budgetMs what a look-up may take */
export function measureHolders(
  holders: Holders,
  parts: {
    readonly meter: PeerMeter
    readonly clock: { monotonicMs(): number }
    readonly budgetMs: number
  },
): Holders {
  const { meter, clock, budgetMs } = parts
  return {
    ...holders,
    async find(digests, signal, options) {
      const sinceMs = clock.monotonicMs()
      const found = await holders.find(digests, signal, options)
      const isLate = clock.monotonicMs() - sinceMs >= budgetMs
      if (digests.every(digest => found.has(digest))) meter.lookedUp('found')
      else meter.lookedUp(isLate ? 'late' : 'missed')
      return found
    },
  }
}
