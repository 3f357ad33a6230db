import type { MemberStore, StoredMember } from '../../ports/member-store.ts'
import type { NodeId } from '../../ports/node-id.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { Settings } from './settings.ts'
import type { WriterThread } from './writer-thread.ts'

/** What the writer is given of a change to the member table. */
export interface MemberChange {
  readonly members: readonly StoredMember[]
  readonly forgotten: readonly NodeId[]
  readonly names: readonly (readonly [name: string, id: NodeId])[]
}

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
    .prepare<[], StoredMember>(
      `SELECT id, body, signature, last_seen_ms AS lastSeenMs, unheard_ms AS unheardMs
       FROM member ORDER BY last_seen_ms DESC`,
    )
    .all()
}

function loadNames(db: Connection): [string, NodeId][] {
  return db.prepare<[], [string, NodeId]>('SELECT name, id FROM member_name').raw().all()
}

/** Writes changes of the member table; call inside a transaction. */
export function createMemberWriter(db: Connection): (change: MemberChange) => void {
  const put = db.prepare(
    'INSERT OR REPLACE INTO member (id, body, signature, last_seen_ms, unheard_ms) VALUES (?, ?, ?, ?, ?)',
  )
  const forget = db.prepare('DELETE FROM member WHERE id = ?')
  // The first node keeps the name.
  const putName = db.prepare('INSERT OR IGNORE INTO member_name (name, id) VALUES (?, ?)')

  return ({ members, forgotten, names }) => {
    for (const id of forgotten) forget.run(id)
    for (const { id, body, signature, lastSeenMs, unheardMs } of members) {
      put.run(id, body, signature, Math.round(lastSeenMs), Math.round(unheardMs))
    }
    for (const [name, id] of names) putName.run(name, id)
  }
}
