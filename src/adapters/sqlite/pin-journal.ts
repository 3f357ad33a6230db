import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs'
import type { SignedRecord } from '../../ledger/record.ts'
import type { Log } from '../../ports/log.ts'
import { isMissing, syncDirectoryOf, writeFileAtomically } from './durable-file.ts'

/**
 * What operators said, beside the database, for the day the database is lost: one signed record a line, appended and fsynced
 * before the commit is acknowledged. A torn line fails its signature and is skipped.
 */
export interface PinJournal {
  /** All lines that parse, oldest first; signatures are the reader's business. */
  read(): readonly SignedRecord[]
  /** Appends durably; throws when it cannot. Returns what takes it back, for a commit that then fails. */
  append(records: readonly SignedRecord[]): () => void
  /** Replaces the whole, when it has grown far beyond what is in force. */
  rewrite(records: readonly SignedRecord[]): void
}

/** The journal in `file`, created by the first append. */
export function createPinJournal(file: string, log: Log): PinJournal {
  return {
    read() {
      const lines = readText(file, log).split('\n')
      return lines.map(parseLine).filter(record => record !== undefined)
    },
    append(records) {
      const fd = openSync(file, 'a+', 0o600)
      try {
        const { length, endsInside } = tail(fd)
        const text = records.map(formatLine).join('')
        // A crash may have left half a line: it must not swallow the next one. Unlike `writeSync` this writes all or throws: on a disk
        // that gets full the kernel takes a part, and says so only by its number of bytes.
        writeFileSync(fd, endsInside ? `\n${text}` : text)
        fsyncSync(fd)
        if (length === 0) syncDirectoryOf(file)
        return () => truncate(file, length, log)
      } finally {
        closeSync(fd)
      }
    },
    rewrite: records =>
      writeFileAtomically(file, Buffer.from(records.map(formatLine).join('')), 0o600),
  }
}

function readText(file: string, log: Log): string {
  try {
    return readFileSync(file, 'latin1')
  } catch (err) {
    if (!isMissing(err)) log.error({ file, err }, 'pin journal not read')
    return ''
  }
}

function tail(fd: number): { length: number; endsInside: boolean } {
  const { size } = fstatSync(fd)
  const last = Buffer.alloc(1)
  return {
    length: size,
    endsInside: size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 0x0a,
  }
}

function truncate(file: string, length: number, log: Log): void {
  try {
    const fd = openSync(file, 'r+')
    try {
      ftruncateSync(fd, length)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (err) {
    log.warn({ file, err }, 'a pin that was refused stays in the pin journal')
  }
}

const formatLine = ({ body, signature }: SignedRecord): string =>
  `${Buffer.from(body).toString('base64url')}.${Buffer.from(signature).toString('base64url')}\n`

function parseLine(line: string): SignedRecord | undefined {
  const [body, signature, more] = line.split('.')
  if (!body || !signature || more !== undefined) return undefined
  return { body: Buffer.from(body, 'base64url'), signature: Buffer.from(signature, 'base64url') }
}
