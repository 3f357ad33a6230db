import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type Hello, meet, type ProtocolRange } from './hello.ts'
import type { MemberEntry } from './member-entry.ts'

/** What about a node an operator should know. */
export interface Oddities {
  /** Tells the log what is odd about one at first sight. */
  tell(entry: MemberEntry): void
  /** A nonce that comes back after another took its place belongs to another node with the same key. */
  noticeTwin(entry: MemberEntry, hello: Hello): void
}

const keptNonces = 4
/** Of those that have one name. */
const maxTold = 8

/** Looks for them in a table. */
export function createOddities(
  parts: {
    readonly table: ReadonlyMap<NodeId, MemberEntry>
    readonly clock: Clock
    readonly log: Log
  },
  options: { readonly protocols: ProtocolRange },
): Oddities {
  const { table, clock, log } = parts

  function namesakes(name: string): readonly NodeId[] {
    const ids: NodeId[] = []
    for (const { hello, state } of table.values()) {
      if (hello.name === name && state !== 'gone') ids.push(hello.id)
    }
    return ids
  }

  return {
    tell({ hello }) {
      const { id, name, version, protocols } = hello
      const ids = namesakes(name).slice(0, maxTold)
      if (ids.length > 1) log.warn({ name, ids }, 'two members have one name')
      if (!meet(protocols, options.protocols)) {
        const fields = { member: name, id, version, protocols, ours: options.protocols }
        log.warn(fields, 'a member speaks no version of the protocol that this node speaks')
      }
    },
    noticeTwin(entry, { id, name, nonce }) {
      const { hello, formerNonces } = entry
      if (nonce === hello.nonce) return
      if (formerNonces.includes(nonce)) {
        if (entry.twinSeenMs === undefined) {
          const fields = { id, name, otherName: hello.name }
          log.error(fields, 'two nodes use one key: one of them is a copy of the other')
        }
        entry.twinSeenMs = clock.monotonicMs()
      }
      entry.formerNonces = [...formerNonces.filter(former => former !== nonce), hello.nonce].slice(
        -keptNonces,
      )
    },
  }
}
