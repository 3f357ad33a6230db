import type { Digest } from '../oci/digest.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import type { Holders } from '../ports/holders.ts'
import { isAnyoneThere, type Members } from '../ports/members.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { PeerClient } from '../ports/peer-port.ts'
import type { BlobQuestion, BlobSources } from './blob-sources.ts'
import { createParallelSource } from './parallel-source.ts'
import { createPeerSource, type PeerSourceParts } from './peer-source.ts'
import type { RelaysFor } from './relays.ts'

interface Parts extends PeerSourceParts {
  readonly upstream: BlobSource
  readonly members: Pick<Members, 'all' | 'alive' | 'get'>
  readonly relaysFor: RelaysFor
  readonly holders: Holders
  readonly client: Pick<PeerClient, 'openBlob' | 'getChunkHashes'>
}

interface Settings {
  /** How long a node may take for the first byte when nobody else is there to be asked, ms. */
  readonly firstByteMs: number
  /** The same, and for who holds it, where there is nobody else at all, ms. */
  readonly patientMs: number
  /** The same for a node that has to fetch the blob first, ms. */
  readonly relayMs: number
  /** Blobs from this size on are fetched from several nodes at once when that is faster, bytes. */
  readonly parallelFromBytes: number
  /** Ends what goes on behind. */
  readonly signal: AbortSignal
}

/** How long nodes are waited for that are slow to say what they hold, where somebody else may be asked after them, ms. */
const momentMs = 500
/**
 * How long who fetches for all is waited for behind all pulls while it says that it is at it, ms. What it has of the blob may end before
 * what this node has, and nothing comes from it until it has caught up. It gives up by itself when nothing comes to it.
 */
const behindMs = 600_000
/** Nodes that send parts of one blob at the same time, at the most. */
const maxAtOnce = 4
const none: ReadonlyMap<Digest, readonly NodeId[]> = new Map()
/** When several at once were no faster than one, it is not tried again for so long, ms. */
const notWorthwhileMs = 60_000

/**
 * Whom a member of a mesh asks: nodes that hold the blob, best first, then the registry. What nobody holds is fetched from the registry
 * once for all: by the first in an order that all members work out alike, of those that say they reach that registry. The others read
 * from it while it arrives. When it fails or stands still, the next in that order goes to the registry, and the others read from that
 * one: never all at once.
 */
export function createPeerBlobs(parts: Parts, settings: Settings): BlobSources {
  const { upstream, members, holders, book, relaysFor, clock } = parts

  let notBeforeMs = 0
  const hasPeers = (): boolean => isAnyoneThere(members, clock.monotonicMs())

  /** All of them as one source, where that may be faster. */
  function together({ size, priority }: BlobQuestion, peers: readonly NodeId[]): BlobSource[] {
    const isLarge = size !== undefined && size >= settings.parallelFromBytes
    if (!isLarge || peers.length < 2 || clock.monotonicMs() < notBeforeMs) return []
    const judged = (isFaster: boolean) => {
      notBeforeMs = isFaster ? 0 : clock.monotonicMs() + notWorthwhileMs
    }
    const ids = peers.slice(0, maxAtOnce)
    return [createParallelSource({ ...parts, judged }, ids, { ...settings, size, priority })]
  }

  /**
   * How long those who are slow to say whether they hold it are waited for, and who holds it for its first byte, ms. One failure does not
   * make the registry known to be down, but it is reason to wait a moment; and so is that nobody is in a hurry.
   */
  function patienceWith(
    { isAgain = false, priority }: BlobQuestion,
    isDown: boolean,
    relays: () => readonly NodeId[],
  ) {
    const { firstByteMs, patientMs } = settings
    const isPatient = isDown && !isAgain && relays().length === 0
    if (isPatient) return { patienceMs: patientMs, firstByteMs: patientMs }
    const hasTime = isDown || isAgain || priority() === 'background'
    return { patienceMs: hasTime ? momentMs : 0, firstByteMs }
  }

  return {
    upstream,
    hasPeers,
    async find(question, signal) {
      const { digest, repository, size, priority, isRelayed } = question
      const isDown = upstream.reach(repository).state !== 'reachable'
      // Whoever fetches for another leans only on those before it: so no question goes in circles.
      if (isRelayed && isDown) return [upstream]
      let ranked: readonly NodeId[] | undefined
      // It ranks all members: only where it matters.
      const relays = () => {
        ranked ??= relaysFor(repository, digest)
        return ranked
      }
      const { patienceMs, firstByteMs } = patienceWith(question, isDown, relays)
      const mayAsk = !isRelayed && hasPeers()
      const found = mayAsk ? await holders.find([digest], signal, { patienceMs }) : none
      // Who is in doubt and was asked already has failed.
      const isFit = (id: NodeId) => question.isAgain !== true || members.get(id)?.state === 'alive'
      const peers = book.order(found.get(digest) ?? []).filter(isFit)
      const holding = { priority, relay: false, firstByteMs }
      const isBehind = priority() === 'background' && !isRelayed
      const relaying = {
        ...{ priority, relay: true, firstByteMs: isBehind ? behindMs : settings.relayMs, size },
        isForOther: isRelayed,
      }
      const sources =
        peers.length > 0
          ? peers.map(id => createPeerSource(parts, id, holding))
          : relays().map(id => createPeerSource(parts, id, { ...relaying, mayWaitForUs: isDown }))
      return [...together(question, peers), ...sources, upstream]
    },
  }
}
