import { createHash } from 'node:crypto'
import type { Member, Members } from '../../src/ports/members.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import type { PeerClient, PeerService } from '../../src/ports/peer-port.ts'
import { createMemoryPeers } from './memory-peers.ts'

/** A node as a test names it. */
export const nodeId = (name: string): NodeId => createHash('sha256').update(name).digest('hex')

type Said = Partial<
  Pick<
    Member,
    | 'zone'
    | 'upstreams'
    | 'roomBytes'
    | 'platforms'
    | 'isNeighbour'
    | 'state'
    | 'isUnanswered'
    | 'lastSeenMs'
    | 'roundTripMs'
  >
>

/** A mesh in one process: nodes that ask each other without a socket, and the table of members each of them sees. */
export function createPeerLab({ patienceMs = 60 }: { readonly patienceMs?: number } = {}) {
  const peers = createMemoryPeers({ stallMs: patienceMs })
  const said = new Map<NodeId, Said>()
  const hidden = new Set<string>()
  const listeners = new Set<() => void>()

  function say(id: NodeId, what: Said): void {
    said.set(id, { ...said.get(id), ...what })
    for (const listener of listeners) listener()
  }

  /** Here who was missed or silent did not answer the probes either. */
  function setState(id: NodeId, state: Member['state']): void {
    if ((said.get(id)?.state ?? 'alive') === state) return
    say(id, { state, isUnanswered: state !== 'alive' })
  }

  function memberOf(id: NodeId): Member {
    return {
      id,
      name: id.slice(0, 4),
      zone: undefined,
      platforms: ['linux/amd64'],
      peerAddresses: [],
      meshAddresses: [],
      version: '0',
      protocol: 1,
      state: 'alive',
      isUnanswered: false,
      lastSeenMs: 0,
      ledgerRoot: '',
      upstreams: [],
      clockSkewMs: 0,
      clockVerified: true,
      roundTripMs: undefined,
      isNeighbour: true,
      keyId: '',
      roomBytes: 2 ** 40,
      ...said.get(id),
    }
  }

  function faultsOf(id: NodeId) {
    const peer = peers.get(id)
    if (peer === undefined) throw new Error(`no node ${id}`)
    return peer.faults
  }

  return {
    /** What reached a node so far, oldest first. */
    asked: peers.asked,
    /** A node joins, or offers something else from now on. */
    serve(id: NodeId, service: Partial<PeerService>): void {
      const peer = peers.get(id)
      if (peer !== undefined) peer.service = service
      else {
        peers.join(id, service, {
          onHeard: other => setState(other, 'alive'),
          onMissed: other => setState(other, 'suspect'),
        })
      }
      say(id, {})
    },
    /** What a node says of itself. */
    say,
    /** One node never heard of another. */
    hide(id: NodeId, from: NodeId): void {
      hidden.add(`${id} ${from}`)
      for (const listener of listeners) listener()
    },
    /** The client of a node, which may join later. */
    client(id: NodeId): PeerClient {
      const own = () => {
        const peer = peers.get(id)
        if (peer === undefined) throw new Error(`${id} has not joined`)
        return peer.client
      }
      return {
        call: (...asked) => own().call(...asked),
        stream: (...asked) => own().stream(...asked),
        getManifest: (...asked) => own().getManifest(...asked),
        openBlob: (...asked) => own().openBlob(...asked),
        getChunkHashes: (...asked) => own().getChunkHashes(...asked),
      }
    },
    /** Everybody who joined, as one of them sees it. */
    members(self: NodeId): Members {
      const isSeen = (id: NodeId) => id !== self && !hidden.has(`${id} ${self}`)
      const all = () => [...said.keys()].filter(isSeen).map(memberOf)
      let alive: readonly Member[] | undefined
      listeners.add(() => {
        alive = undefined
      })
      return {
        self,
        all,
        alive() {
          alive ??= all().filter(({ state }) => state === 'alive')
          return alive
        },
        get: id => (said.has(id) && isSeen(id) ? memberOf(id) : undefined),
        heard: id => setState(id, 'alive'),
        missed: id => setState(id, 'suspect'),
        silent: id => setState(id, 'suspect'),
        stalled: id => setState(id, 'suspect'),
        onChange(listener) {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
      }
    },
    faultsOf,
    /** Whether one of its faults met somebody who asked, or it was asked at all. */
    wasAsked: (id: NodeId) =>
      (peers.get(id)?.fired() ?? 0) > 0 || peers.asked.some(({ to }) => to === id),
    /** Its process is gone. */
    kill(id: NodeId): void {
      faultsOf(id).dead = true
    },
    /** Its process is stopped. */
    freeze(id: NodeId): void {
      faultsOf(id).silent = true
    },
  }
}
