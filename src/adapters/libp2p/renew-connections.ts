import type { Connection, Libp2p } from '@libp2p/interface'
import type { Log } from '../../ports/log.ts'
import type { Gate } from './gate.ts'
import { keyIdOf } from './keyed-encrypters.ts'
import { isOpen } from './links.ts'
import { toNodeId } from './node-key.ts'

/** How often connections with another key than the first are tried anew. */
const againMs = 60_000
/** They are renewed one after the other, so far apart at the most. */
const spreadMs = 200
const dialMs = 5_000

/** What it works with. */
export interface RenewalParts {
  readonly node: Libp2p
  readonly gate: Gate
  readonly firstKeyId: () => string
  readonly log: Log
}

/**
 * Makes the connections that this node dialled anew under the first key, before the old key is dropped and takes them with it: the new
 * one stands before the old one is closed (see `superfluous`), so that nobody loses a neighbour.
 */
export function renewConnections({ node, gate, firstKeyId, log }: RenewalParts) {
  const ended = new AbortController()
  let isRunning = false
  let isWantedAgain = false

  async function renew(old: Connection): Promise<void> {
    const id = toNodeId(old.remotePeer)
    if (id === undefined || !isOpen(old)) return
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(dialMs)])
    try {
      await gate.allowingSecond(id, () => node.dial(old.remoteAddr, { force: true, signal }))
    } catch (err) {
      log.debug({ peer: id, err }, 'connection not renewed under the first cluster key')
    }
  }

  async function renewAll(): Promise<void> {
    const outdated = node
      .getConnections()
      .filter(one => one.direction === 'outbound' && keyIdOf(one.encryption) !== firstKeyId())
    for (const connection of outdated) {
      if (ended.signal.aborted) return
      await renew(connection)
      await new Promise(resolve => setTimeout(resolve, Math.random() * spreadMs))
    }
  }

  function soon(): void {
    if (ended.signal.aborted) return
    isWantedAgain = isRunning
    if (isRunning) return
    isRunning = true
    void renewAll()
      .catch(err => log.debug({ err }, 'connections not renewed'))
      .finally(() => {
        isRunning = false
        if (isWantedAgain) soon()
      })
  }

  const timer = setInterval(soon, againMs)
  timer.unref()
  return {
    soon,
    close() {
      clearInterval(timer)
      ended.abort()
    },
  }
}
