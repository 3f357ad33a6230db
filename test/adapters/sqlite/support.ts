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
export interface HeardLog extends Log {
  readonly lines: readonly Line[]
  /** Settles when a line with this message was logged, or was before. */
  heard(message: string): Promise<void>
}

/** A log that remembers. */
export function createHeardLog(): HeardLog {
  const lines: Line[] = []
  const waiting = new Set<() => void>()
  const hear = (level: keyof Log) => (fields: LogFields, message: string) => {
    lines.push({ level, fields, message })
    for (const look of waiting) look()
  }
  return {
    lines,
    debug: hear('debug'),
    info: hear('info'),
    warn: hear('warn'),
    error: hear('error'),
    heard: message =>
      new Promise(resolve => {
        const look = () => {
          if (!lines.some(line => line.message === message)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      }),
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
): Promise<OpenedLedger & Pick<HeardLog, 'lines' | 'heard'>> {
  const log = createHeardLog()
  const clock = options.clock ?? createMovableClock(Date.UTC(2026, 5, 1))
  // No test depends on the machine it runs on.
  const machine = { idFile: '/nonexistent/machine-id' }
  const opened = await openLedger({ dataDir, log, machine, ...options, clock })
  t.teardown(() => opened.close())
  return { ...opened, lines: log.lines, heard: log.heard }
}

/** Lines of a level that tell of trouble. */
export function messages(lines: readonly Line[], level: keyof Log): readonly string[] {
  return lines.filter(line => line.level === level).map(line => line.message)
}
