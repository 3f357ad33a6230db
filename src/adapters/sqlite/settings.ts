import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import type { WriterThread } from './writer-thread.ts'

/** Named texts that outlive a restart: this node's mode, what it knows of the time. */
export interface Settings {
  get(name: string): string | undefined
  /** Visible at once; settles when it is durable. Rejects with `ledger-unusable`. */
  set(name: string, value: string): Promise<void>
  /** As {@link set}, but a power cut may take it back. */
  note(name: string, value: string): Promise<void>
}

/** Loads all settings; they are few. */
export function createSettings(parts: {
  readonly reader: Reader
  readonly writer: WriterThread
}): Settings {
  const values = new Map(parts.reader.read(({ db }) => load(db), []))
  const write = async (name: string, value: string, isDurable: boolean): Promise<void> => {
    values.set(name, value)
    await parts.writer.submit({ type: 'setting', name, value, isDurable })
  }
  return {
    get: name => values.get(name),
    set: (name, value) => write(name, value, true),
    note: (name, value) => write(name, value, false),
  }
}

function load(db: Connection): [string, string][] {
  return db.prepare<[], [string, string]>('SELECT name, value FROM setting').raw().all()
}
