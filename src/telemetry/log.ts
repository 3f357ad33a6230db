import { pino } from 'pino'
import type { Log } from '../ports/log.ts'
import { createLineRing } from './line-ring.ts'
import { prettyLine } from './pretty-line.ts'
import { redactFields, redactText } from './redact.ts'

/** From chatty to grave. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Where lines go; what `write` gets ends with a newline. */
export interface LogDestination {
  write(line: string): unknown
  /** Waits for nothing: what was written is out when it returns. */
  flushSync?(): void
}

/** The program's log. */
export interface RunningLog extends Log {
  level(): LogLevel
  /** From the next line on. */
  setLevel(level: LogLevel): void
  /** Lines may be on their way when a call returns; this brings them out. */
  flush(): void
  /** The last lines that were written, each a JSON object, the oldest first. */
  recent(): readonly string[]
}

interface Options {
  readonly level: LogLevel
  /** `pretty` is for people. */
  readonly format: 'json' | 'pretty'
  /** Default: standard error, written asynchronously. */
  readonly destination?: LogDestination
  /** Default: on a terminal, unless `NO_COLOR` is set. */
  readonly colours?: boolean
}

/** Makes the log. No credential gets into it, whatever it is given, see {@link redactFields}. */
export function createLog({ level, format, destination, colours }: Options): RunningLog {
  const out: LogDestination = destination ?? standardError()
  const hasColours = colours ?? (process.stderr.isTTY === true && !process.env['NO_COLOR'])
  const ring = createLineRing()
  const stream: LogDestination = {
    write(line) {
      ring.add(line)
      return out.write(format === 'json' ? line : prettyLine(line, { colours: hasColours }))
    },
  }
  // Without a process id and a host name: there is one process, and its node's name is known to whoever reads this.
  // Errors are told by `redactFields`; pino would take what it makes of them for errors and name them all `Object`.
  const serializers = { err: (told: unknown) => told }
  const inner = pino({ level, base: null, serializers }, stream)

  const at =
    (name: LogLevel): Log['info'] =>
    (fields, message) => {
      if (inner.isLevelEnabled(name)) inner[name](redactFields(fields), redactText(message))
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    level: () => inner.level as LogLevel,
    setLevel: next => {
      inner.level = next
    },
    flush: () => out.flushSync?.(),
    recent: ring.lines,
  }
}

/** Lines wait for company, up to so many characters and so many ms: a write to the operating system costs ten times what a line does. */
const batchLength = 8 * 1024
const batchMs = 50

/** Standard error, written behind by pino's own writer; what still waits when the process exits is written then. */
function standardError(): LogDestination {
  const stream = pino.destination({ dest: 2, sync: false })
  // A reader of our log that has gone (EPIPE) is no reason to stop.
  stream.on('error', () => {})
  let waiting = ''
  let isTimed = false

  const hand = (): void => {
    if (waiting !== '') stream.write(waiting)
    waiting = ''
  }
  const handInTime = (): void => {
    isTimed = false
    hand()
  }
  const flushSync = (): void => {
    hand()
    stream.flushSync()
  }
  process.once('exit', flushSync)

  return {
    write: line => {
      waiting += line
      if (waiting.length >= batchLength) hand()
      if (isTimed) return
      isTimed = true
      setTimeout(handInTime, batchMs).unref()
    },
    flushSync,
  }
}
