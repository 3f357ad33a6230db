/** Structured fields of a log line: `ref`, `digest`, `source`, `bytes`, `durationMs`, `err` and the like; never a credential. */
export type LogFields = Readonly<Record<string, unknown>>

/** What the journeys and adapters need of a logger; pino has this shape. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
}

/** A log that drops everything. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
