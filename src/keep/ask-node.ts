import type { NodeId } from '../ports/node-id.ts'
import { type PeerCallOptions, type PeerClient, PeerFailure } from '../ports/peer-port.ts'

/** Asks a node one small question; `undefined` when it gives no answer, for whatever reason. Rejects only when `signal` aborts. */
export async function askNode(
  client: Pick<PeerClient, 'call'>,
  id: NodeId,
  subject: string,
  question: Uint8Array,
  options: PeerCallOptions,
): Promise<Uint8Array | undefined> {
  try {
    return await client.call(id, subject, question, options)
  } catch (error) {
    if (error instanceof PeerFailure) return undefined
    throw error
  }
}
