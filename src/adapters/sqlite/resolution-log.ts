import type { Digest } from '../../oci/digest.ts'
import type { Log } from '../../ports/log.ts'
import type { ResolutionEntry, ResolutionLog } from '../../ports/resolution-log.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import { keptResolutions, type ResolutionLine } from './write-content.ts'
import type { WriterThread } from './writer-thread.ts'

/** How long lines wait for company, ms. */
const flushMs = 250

/** References whose last line is remembered, so that an equal answer extends it. */
const rememberedLines = 10_000

interface LineRow {
  readonly id: number
  readonly reference: string
  readonly first_ms: number
  readonly last_ms: number
  readonly count: number
  readonly digest: string | null
  readonly source: string
  readonly reason: string
  readonly said_by: string | null
}

/**
 * The resolution log in SQLite. Lines are written a quarter of a second late at most, in batches; equal answers to one reference in a
 * row are one line. `close` writes what waits.
 */
export function createResolutionLog(parts: {
  readonly reader: Reader
  readonly writer: WriterThread
  readonly log: Log
}): ResolutionLog & { close(): Promise<void> } {
  const { reader } = parts
  /** Newest line of each reference. */
  const newest = new Map<string, ResolutionLine>()
  /** Lines whose commit is not acknowledged yet, by id. */
  const waiting = new Map<number, ResolutionLine>()
  let nextId = 1 + reader.read(({ db }) => highestId(db), 0)
  let timer: NodeJS.Timeout | undefined
  let unsent = new Set<number>()

  function newestOf(reference: string): ResolutionLine | undefined {
    const query = { reference, atMs: undefined, limit: 1 }
    return newest.get(reference) ?? reader.read(({ db }) => select(db, query)[0], undefined)
  }

  async function flush(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const lines = [...unsent].map(id => waiting.get(id)).filter(line => line !== undefined)
    unsent = new Set()
    if (lines.length === 0) return
    try {
      await parts.writer.submit({ type: 'resolutions', lines })
      acknowledge(lines)
    } catch (err) {
      parts.log.debug({ err, lines: lines.length }, 'resolutions not written yet')
      retain(lines)
    }
  }

  /** A line that was extended meanwhile waits on. */
  function acknowledge(lines: readonly ResolutionLine[]): void {
    for (const line of lines) if (waiting.get(line.id) === line) waiting.delete(line.id)
  }

  /** While nothing can be written the newest lines are kept in memory. */
  function retain(lines: readonly ResolutionLine[]): void {
    for (const { id } of lines) unsent.add(id)
    for (const id of waiting.keys()) {
      if (waiting.size <= keptResolutions) return
      waiting.delete(id)
      unsent.delete(id)
    }
  }

  function put(line: ResolutionLine): void {
    newest.delete(line.reference)
    newest.set(line.reference, line)
    if (newest.size > rememberedLines) {
      const oldest = newest.keys().next().value
      if (oldest !== undefined) newest.delete(oldest)
    }
    waiting.set(line.id, line)
    unsent.add(line.id)
    timer ??= setTimeout(flush, flushMs).unref()
  }

  return {
    add({ atMs, ...answer }) {
      const last = newestOf(answer.reference)
      if (last !== undefined && isSameAnswer(last, answer)) {
        const lastAtMs = Math.max(last.lastAtMs, atMs)
        put({ ...last, ...answer, lastAtMs, count: last.count + 1 })
      } else {
        put({ ...answer, firstAtMs: atMs, lastAtMs: atMs, count: 1, id: nextId++ })
      }
    },
    find({ reference, atMs, limit }) {
      const written = reader.read(
        ({ db }) => select(db, { reference, atMs, limit: limit + waiting.size }),
        [],
      )
      const fresh = [...waiting.values()].filter(
        line =>
          (reference === undefined || line.reference === reference) &&
          (atMs === undefined || line.firstAtMs <= atMs),
      )
      const untilMs = atMs ?? Number.POSITIVE_INFINITY
      return [...written.filter(line => !waiting.has(line.id)), ...fresh]
        .sort((a, b) => compareLines(b, a, untilMs))
        .slice(0, limit)
        .map(({ id: _, ...entry }) => entry)
    },
    close: flush,
  }
}

type Answer = Pick<ResolutionEntry, 'digest' | 'source' | 'reason' | 'saidBy'>

/** Whether two answers say the same for the same reason: numbers in the words (ages, milliseconds) do not count. */
function isSameAnswer(a: Answer, b: Answer): boolean {
  return (
    a.digest === b.digest &&
    a.source === b.source &&
    a.saidBy === b.saidBy &&
    withoutNumbers(a.reason) === withoutNumbers(b.reason)
  )
}

const withoutNumbers = (text: string): string => text.replaceAll(/\d+/g, '#')

/** By when a line was in force last, up to a time. */
function compareLines(a: ResolutionLine, b: ResolutionLine, untilMs: number): number {
  return Math.min(a.lastAtMs, untilMs) - Math.min(b.lastAtMs, untilMs) || a.id - b.id
}

function highestId(db: Connection): number {
  return db.prepare<[], number | null>('SELECT max(id) FROM resolution').pluck().get() ?? 0
}

function select(
  db: Connection,
  filter: {
    readonly reference: string | undefined
    readonly atMs: number | undefined
    readonly limit: number
  },
): readonly ResolutionLine[] {
  const atMs = filter.atMs ?? Number.MAX_SAFE_INTEGER
  const where = filter.reference === undefined ? '' : 'reference = @reference AND'
  const rows = db
    .prepare<{ atMs: number; limit: number; reference?: string }, LineRow>(
      `SELECT * FROM resolution WHERE ${where} first_ms <= @atMs
       ORDER BY min(last_ms, @atMs) DESC, id DESC LIMIT @limit`,
    )
    .all({ ...filter, reference: filter.reference ?? '', atMs, limit: filter.limit })
  return rows.map(row => ({
    id: row.id,
    reference: row.reference,
    firstAtMs: row.first_ms,
    lastAtMs: row.last_ms,
    count: row.count,
    digest: (row.digest ?? undefined) as Digest | undefined,
    source: row.source,
    reason: row.reason,
    saidBy: row.said_by ?? undefined,
  }))
}
