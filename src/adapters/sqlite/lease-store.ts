import type { Digest } from '../../oci/digest.ts'
import type { LeaseStore } from '../../ports/lease-store.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { LeaseChange } from './writer-protocol.ts'
import type { WriterThread } from './writer-thread.ts'

/** The leases in the node's database. */
export function createLeaseStore({
  reader,
  writer,
}: {
  readonly reader: Reader
  readonly writer: WriterThread
}): LeaseStore {
  return {
    load: nowMs => new Map(reader.read(({ db }) => load(db, nowMs), [])),
    async keep(digest, untilMs, nowMs) {
      await writer.submit({ type: 'lease', change: { digest, untilMs, nowMs } })
    },
  }
}

function load(db: Connection, nowMs: number): [Digest, number][] {
  return db
    .prepare<[number], [Digest, number]>('SELECT digest, until_ms FROM lease WHERE until_ms > ?')
    .raw()
    .all(nowMs)
}

/** Writes leases; call inside a transaction. */
export function createLeaseWriter(db: Connection): (change: LeaseChange) => void {
  const put = db.prepare('INSERT OR REPLACE INTO lease (digest, until_ms) VALUES (?, ?)')
  const forgetOver = db.prepare('DELETE FROM lease WHERE until_ms <= ?')
  return ({ digest, untilMs, nowMs }) => {
    forgetOver.run(Math.floor(nowMs))
    put.run(digest, Math.ceil(untilMs))
  }
}
