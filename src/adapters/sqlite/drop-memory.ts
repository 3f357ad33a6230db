import type { DropMemory, SeenFile } from '../../ports/drop-memory.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { DropChange } from './writer-protocol.ts'
import type { WriterThread } from './writer-thread.ts'

/** The memory in the node's database. */
export function createDropMemory({
  reader,
  writer,
}: {
  readonly reader: Reader
  readonly writer: WriterThread
}): DropMemory {
  return {
    load: () => reader.read(({ db }) => load(db), []),
    async remember(seen) {
      await writer.submit({ type: 'dropped', change: { seen } })
    },
    async forget(forgotten) {
      await writer.submit({ type: 'dropped', change: { forgotten } })
    },
  }
}

interface Row extends Omit<SeenFile, 'hash'> {
  readonly hash: string | null
}

function load(db: Connection): readonly SeenFile[] {
  return db
    .prepare<[], Row>(
      'SELECT path, size, mtime_ms AS mtimeMs, ctime_ms AS ctimeMs, hash, outcome FROM dropped_file',
    )
    .all()
    .map(row => ({ ...row, hash: row.hash ?? undefined }))
}

/** Writes changes; call inside a transaction. */
export function createDropWriter(db: Connection): (change: DropChange) => void {
  const put = db.prepare(
    'INSERT OR REPLACE INTO dropped_file (path, size, mtime_ms, ctime_ms, hash, outcome) VALUES (?, ?, ?, ?, ?, ?)',
  )
  const forget = db.prepare('DELETE FROM dropped_file WHERE path = ?')
  return change => {
    if ('forgotten' in change) return void forget.run(change.forgotten)
    const { path, size, mtimeMs, ctimeMs, hash, outcome } = change.seen
    put.run(path, size, mtimeMs, ctimeMs, hash ?? null, outcome)
  }
}
