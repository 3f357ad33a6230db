import type { MemberStore, StoredMember } from '../../ports/member-store.ts'
import type { NodeId } from '../../ports/node-id.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { Settings } from './settings.ts'
import type { MemberChange } from './writer-protocol.ts'
import type { WriterThread } from './writer-thread.ts'

const bootNumberName = 'mesh.boot-number'

/** The member table in the node's database. */
export function createMemberStore(parts: {
  readonly reader: Reader
  readonly writer: WriterThread
  readonly settings: Settings
}): MemberStore {
  const { reader, writer, settings } = parts
  return {
    load: () => ({
      members: reader.read(({ db }) => loadMembers(db), []),
      names: new Map(reader.read(({ db }) => loadNames(db), [])),
    }),
    async save({ members, forgotten, names }) {
      await writer.submit({ type: 'members', change: { members, forgotten, names: [...names] } })
    },
    bootNumber() {
      const number = Number(settings.get(bootNumberName) ?? 0)
      return Number.isSafeInteger(number) && number >= 0 ? number : 0
    },
    setBootNumber: number => settings.set(bootNumberName, String(number)),
  }
}

function loadMembers(db: Connection): StoredMember[] {
  return db
    .prepare<[], Omit<StoredMember, 'wasMet'> & { readonly wasMet: number }>(
      `SELECT id, body, signature, last_seen_ms AS lastSeenMs, unheard_ms AS unheardMs, was_met AS wasMet
       FROM member ORDER BY rowid`,
    )
    .all()
    .map(row => ({ ...row, wasMet: row.wasMet === 1 }))
}

function loadNames(db: Connection): [string, NodeId][] {
  return db.prepare<[], [string, NodeId]>('SELECT name, id FROM member_name').raw().all()
}

/** Writes changes of the member table; call inside a transaction. */
export function createMemberWriter(db: Connection): (change: MemberChange) => void {
  const put = db.prepare(
    // A row keeps its number: they are in the order in which members became known.
    `INSERT INTO member (id, body, signature, last_seen_ms, unheard_ms, was_met) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET body = excluded.body, signature = excluded.signature,
       last_seen_ms = excluded.last_seen_ms, unheard_ms = excluded.unheard_ms, was_met = excluded.was_met`,
  )
  const forget = db.prepare('DELETE FROM member WHERE id = ?')
  // The first node keeps the name.
  const putName = db.prepare('INSERT OR IGNORE INTO member_name (name, id) VALUES (?, ?)')

  return ({ members, forgotten, names }) => {
    for (const id of forgotten) forget.run(id)
    for (const { id, body, signature, lastSeenMs, unheardMs, wasMet } of members) {
      const [seenMs, silentMs] = [Math.round(lastSeenMs), Math.round(unheardMs)]
      put.run(id, body, signature, seenMs, silentMs, Number(wasMet))
    }
    for (const [name, id] of names) putName.run(name, id)
  }
}
