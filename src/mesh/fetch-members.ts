import { decodeCbor, encodeCbor } from '../ledger/cbor.ts'
import type { Log } from '../ports/log.ts'
import { type NodeId, parseNodeId } from '../ports/node-id.ts'
import type { PeerAnswer, PeerClient } from '../ports/peer-port.ts'
import type { MemberTable } from './member-table.ts'
import {
  decodeGreeting,
  encodeGreeting,
  maxHellosTogether,
  type ToldHello,
} from './mesh-message.ts'

/** Subject of the peer port that gives the member table, a page at a time. */
export const membersSubject = 'mesh/members'

const pageTimeoutMs = 5_000
const maxPageBytes = 512 * 1024
/** More pages than this has no table. */
const maxPages = 200

/** Answers a page of members in the order of their ids. */
export function createMembersAnswer(parts: {
  readonly table: Pick<MemberTable, 'entries' | 'count'>
  readonly tell: (id: NodeId) => ToldHello | undefined
}): PeerAnswer {
  return async question => {
    const after = decodeCbor(question)
    const from = typeof after === 'string' ? after : ''
    const ids: NodeId[] = []
    for (const { hello, state } of parts.table.entries()) {
      if (state !== 'gone' && hello.id > from) ids.push(hello.id)
    }
    const page = ids.sort().slice(0, maxHellosTogether)
    const hellos = page.map(parts.tell).filter(told => told !== undefined)
    return encodeGreeting({ hellos, members: parts.table.count() })
  }
}

/**
 * Reads a member's whole table. What a greeting has no room for would otherwise be known only after everybody said hello again.
 */
export async function fetchMembers(
  from: NodeId,
  parts: {
    readonly peer: Pick<PeerClient, 'call'>
    readonly hear: (hellos: readonly ToldHello[]) => Promise<unknown>
    readonly idOf: (told: ToldHello) => NodeId | undefined
    readonly log: Log
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { signal } = parts
  let after = ''
  try {
    for (let page = 0; page < maxPages; page++) {
      const options = { signal, timeoutMs: pageTimeoutMs, maxBytes: maxPageBytes }
      const answer = await parts.peer.call(from, membersSubject, encodeCbor(after), options)
      const hellos = decodeGreeting(answer)?.hellos ?? []
      await parts.hear(hellos)
      const last = parseNodeId(hellos.map(parts.idOf).at(-1) ?? '')
      // A table whose order does not go on would be read for ever.
      if (last === undefined || last <= after) return
      after = last
    }
  } catch (err) {
    if (!signal.aborted) parts.log.debug({ id: from, err }, 'member table not fetched')
  }
}
