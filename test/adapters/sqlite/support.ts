import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type OpenedLedger, openLedger } from '../../../src/adapters/sqlite/open.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { Log, LogFields } from '../../../src/ports/log.ts'
import { createMovableClock } from '../../support/movable-clock.ts'

/** A line that was logged. */
export interface Line {
  readonly level: keyof Log
  readonly fields: LogFields
  readonly message: string
}

/** A log that remembers. */
export function createHeardLog(): Log & { readonly lines: readonly Line[] } {
  const lines: Line[] = []
  const hear = (level: keyof Log) => (fields: LogFields, message: string) =>
    void lines.push({ level, fields, message })
  return {
    lines,
    debug: hear('debug'),
    info: hear('info'),
    warn: hear('warn'),
    error: hear('error'),
  }
}

/** A directory that goes with the test. */
export async function makeDirectory(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-ledger-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** An open ledger and what it said; closed with the test, or before. */
export async function openIn(
  t: Test,
  dataDir: string,
  options: {
    readonly clock?: Clock
    readonly clusterId?: string
    readonly retentionDays?: number
    readonly maxPages?: number
  } = {},
): Promise<OpenedLedger & { readonly lines: readonly Line[] }> {
  const log = createHeardLog()
  const clock = options.clock ?? createMovableClock(Date.UTC(2026, 5, 1))
  const opened = await openLedger({ dataDir, log, ...options, clock })
  t.teardown(() => opened.close())
  return { ...opened, lines: log.lines }
}

/** Lines of a level that tell of trouble. */
export function messages(lines: readonly Line[], level: keyof Log): readonly string[] {
  return lines.filter(line => line.level === level).map(line => line.message)
}
