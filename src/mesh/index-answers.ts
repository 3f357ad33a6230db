import type { Digest } from '../oci/digest.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerAnswer, type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import type { IndexEntries } from './index-entries.ts'
import {
  decodeDigests,
  decodeHolders,
  decodeLack,
  decodePut,
  encodeDigests,
  encodeHolders,
  encodeShards,
  maxTold,
} from './index-message.ts'

/** Subjects of the index on the peer port. */
export const indexSubjects = {
  put: 'index/put',
  find: 'index/find',
  have: 'index/have',
  lacks: 'index/lacks',
} as const

/** Holders asked at the same time whether they really lack what others say they do. */
const maxChecking = 16
const checkMs = 2_000

/** Answers other nodes' questions about the shards that this one keeps, and about what it holds itself. */
export function createIndexAnswers(parts: {
  readonly entries: IndexEntries
  readonly store: Pick<ContentStore, 'stat'>
  readonly members: Pick<Members, 'self'>
  readonly client: Pick<PeerClient, 'call'>
}): ReadonlyMap<string, PeerAnswer> {
  const { entries, store, members, client } = parts
  const checking = new Set<string>()

  function read<T>(value: T | undefined): T {
    if (value === undefined) throw new PeerFailure('protocol', 'a question of the index is none')
    return value
  }

  function own(digest: Digest): readonly NodeId[] {
    return store.stat(digest) === undefined ? [] : [members.self]
  }

  /** A member's word about another is checked: nobody talks a holder away. */
  async function check(id: NodeId, digest: Digest, signal: AbortSignal): Promise<void> {
    const name = `${id} ${digest}`
    if (checking.size >= maxChecking || checking.has(name)) return
    checking.add(name)
    try {
      const question = encodeDigests([digest])
      const options = { signal, timeoutMs: checkMs }
      const answer = await client.call(id, indexSubjects.have, question, options)
      if (decodeHolders(answer, 1)?.[0]?.length !== 1) entries.drop(id, digest)
    } catch {
      if (!signal.aborted) entries.drop(id, digest)
    } finally {
      checking.delete(name)
    }
  }

  return new Map<string, PeerAnswer>([
    [
      indexSubjects.put,
      async (question, from) => encodeShards(entries.put(from, read(decodePut(question)))),
    ],
    [
      indexSubjects.find,
      async (question, from) =>
        encodeHolders(
          read(decodeDigests(question)).map(digest =>
            [...own(digest), ...entries.holders(digest, from)].slice(0, maxTold),
          ),
        ),
    ],
    [indexSubjects.have, async question => encodeHolders(read(decodeDigests(question)).map(own))],
    [
      indexSubjects.lacks,
      async (question, _from, signal) => {
        const { id, digest } = read(decodeLack(question))
        await check(id, digest, signal)
        return new Uint8Array()
      },
    ],
  ])
}
