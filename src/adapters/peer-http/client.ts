import { formatRepository } from '../../oci/reference.ts'
import type { ClusterKeys } from '../../ports/cluster-keys.ts'
import type { NodeId } from '../../ports/node-id.ts'
import {
  type OpenBlobOptions,
  type PeerBlobQuestion,
  type PeerCallOptions,
  type PeerClient,
  PeerFailure,
} from '../../ports/peer-port.ts'
import type { BlobAnswer } from '../../ports/upstream.ts'
import { createAskPeer, type PeerAsking } from './ask.ts'
import type { PeerIdentity } from './certificate.ts'
import type { PeerConnection } from './connections.ts'
import type { ResolveName } from './dial.ts'
import { createPeers } from './peers.ts'
import { headerOf, readChunkHashes, readExtent, readSmall } from './read-answer.ts'
import { isSubject } from './read-question.ts'

/** What the client needs. */
export interface PeerHttpClientParts {
  readonly identity: PeerIdentity
  readonly keys: ClusterKeys
  /** `host:port` of a node's peer port, best first; IPv6 in brackets. */
  readonly addressesOf: (id: NodeId) => readonly string[]
  readonly isBanned: (id: NodeId) => boolean
  /** For addresses with a name; without it they are passed over. */
  readonly resolveName?: ResolveName
  /** An answer came, of any kind. */
  readonly onHeard?: (id: NodeId, roundTripMs: number) => void
  /** It does not let this node in, for it is banned there. */
  readonly onBanned?: (by: NodeId) => void
  /** It could not be connected to, or broke off. */
  readonly onMissed?: (id: NodeId) => void
  /** It was asked half a second ago and says nothing; whoever asked may go on waiting. */
  readonly onSilent?: (id: NodeId) => void
  /** It said nothing for `stallMs` in the middle of an answer. */
  readonly onStalled?: (id: NodeId) => void
}

export interface PeerHttpClientOptions {
  /** Silence that is borne in the middle of an answer, ms. */
  readonly stallMs: number
  /**
   * One address: TCP, TLS and the proofs of both sides, ms. Default 10 000: who asks gives up in his own time, and a handshake that is
   * given up and begun anew is what two busy nodes can do least with.
   */
  readonly connectMs?: number
}

/** {@link PeerClient} over HTTP, with what goes beyond it. */
export interface PeerHttpClient extends PeerClient {
  /** Tells who listens at an address. Rejects with `PeerFailure`, or the signal's reason. */
  probe(address: string, signal: AbortSignal): Promise<NodeId>
  /** Our connections to others. */
  connections(): readonly PeerConnection[]
  /** Ends all connections to a node, as after its ban or its end. */
  hangUp(id: NodeId): void
  /** Cuts everything. */
  close(): Promise<void>
}

const defaultMaxBytes = 1024 * 1024
const maxQuestionBytes = 1024 * 1024

/** Makes the client; it connects when it is asked. */
export function createPeerClient(
  parts: PeerHttpClientParts,
  { stallMs, connectMs = 10_000 }: PeerHttpClientOptions,
): PeerHttpClient {
  const { onHeard = () => {}, onMissed = () => {}, isBanned } = parts
  const { onSilent = () => {}, onStalled = () => {} } = parts
  const peers = createPeers(parts, { connectMs })
  const ask = createAskPeer(
    { peers, isBanned, onHeard, onMissed, onSilent, onStalled },
    { stallMs },
  )

  async function askSmall(
    asking: Pick<PeerAsking, 'id' | 'method' | 'path' | 'body'>,
    { signal, timeoutMs, maxBytes = defaultMaxBytes }: PeerCallOptions,
  ) {
    const answer = await ask({
      ...asking,
      lane: 'small',
      signal,
      limitMs: timeoutMs,
      limits: 'whole',
    })
    return { answer, bytes: await readSmall(answer, maxBytes, `${asking.path} of ${asking.id}`) }
  }

  async function openBlob(
    id: NodeId,
    question: PeerBlobQuestion,
    options: OpenBlobOptions,
  ): Promise<BlobAnswer> {
    const { offset, end, relay } = question
    const isPart = offset > 0 || end !== undefined
    const path = `/peer/1/blobs/${question.digest}?${queryOf(question)}`
    const answer = await ask({
      id,
      lane: 'long',
      method: 'GET',
      path,
      headers: isPart ? { range: `bytes=${offset}-${end ?? ''}` } : {},
      signal: options.signal,
      limitMs: options.firstByteMs,
      limits: 'head',
      isRelayed: relay,
      onInterim: options.onWorking,
    })
    try {
      const extent = readExtent(answer, question, `${path} of ${id}`)
      return { ...extent, body: { [Symbol.asyncIterator]: () => answer.body } }
    } catch (error) {
      await answer.body.return?.()
      throw error
    }
  }

  return {
    async call(id, subject, question, options) {
      const path = `/peer/1/call/${checked(subject)}`
      const asking = { id, method: 'POST', path, body: bounded(question, path) } as const
      return (await askSmall(asking, options)).bytes
    },
    async *stream(id, subject, question, { signal }) {
      const path = `/peer/1/stream/${checked(subject)}`
      const { body } = await ask({
        id,
        lane: 'long',
        method: 'POST',
        path,
        body: bounded(question, path),
        signal,
        limitMs: stallMs,
        limits: 'head',
      })
      yield* { [Symbol.asyncIterator]: () => body }
    },
    async getManifest(id, digest, repository, options) {
      const path = `/peer/1/manifests/${digest}?${repositoryQuery(repository)}`
      const { answer, bytes } = await askSmall({ id, method: 'GET', path }, options)
      return { mediaType: headerOf(answer, 'content-type'), bytes }
    },
    openBlob,
    async getChunkHashes(id, question, options) {
      const { digest, repository, first, last } = question
      const range = `${first === undefined ? '' : `&first=${first}`}${last === undefined ? '' : `&last=${last}`}`
      const path = `/peer/1/chunks/${digest}?${repositoryQuery(repository)}${range}`
      const { answer, bytes } = await askSmall({ id, method: 'GET', path }, options)
      return readChunkHashes(answer, bytes, question, `${path} of ${id}`)
    },
    probe: peers.probe,
    connections: peers.connections,
    hangUp: peers.hangUp,
    close: peers.close,
  }
}

const repositoryQuery = (repository: PeerBlobQuestion['repository']): string =>
  `repository=${encodeURIComponent(formatRepository(repository))}`

function queryOf({ repository, relay, priority }: PeerBlobQuestion): string {
  const flags = `${relay ? '&relay=1' : ''}${priority === 'background' ? '&priority=background' : ''}`
  return repositoryQuery(repository) + flags
}

function checked(subject: string): string {
  if (isSubject(subject)) return subject
  throw new TypeError(`no subject: ${JSON.stringify(subject)}`)
}

function bounded(question: Uint8Array, path: string): Uint8Array {
  if (question.length <= maxQuestionBytes) return question
  throw new PeerFailure('protocol', `${path}: a question of ${question.length} bytes`)
}
