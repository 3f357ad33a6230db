import { OciError } from '../oci/errors.ts'
import { parseReference, type Reference } from '../oci/reference.ts'
import { paintOf } from './colour.ts'
import type { CommandContext } from './command.ts'
import { CommandFailure } from './command-failure.ts'
import { columns, type Line, type Row, toLines } from './table.ts'

/** Prints a result: as a document with `--output json` or `yaml`, else as the lines given. */
export function print(context: CommandContext, value: unknown, lines: () => readonly Line[]): void {
  const { write, terminal } = context
  terminal.out(write === undefined ? textOf(context, lines()) : write(value))
}

/** Tells beside the result what a person who waits for it wants to know. */
export const printAside = (context: CommandContext, lines: readonly Line[]): void =>
  context.terminal.err(textOf(context, lines))

function textOf(context: CommandContext, lines: readonly Line[]): string {
  const width = context.terminal.size?.()?.columns
  const paint = paintOf(context)
  return lines
    .flatMap(line => toLines(line, width, paint))
    .map(text => `${text}\n`)
    .join('')
}

/** Names and values as an indented table; what has no value is left out. */
export function properties(
  entries: readonly (readonly [string, string | undefined | null])[],
): Row[] {
  const known = entries.filter(([, value]) => value !== undefined && value !== null && value !== '')
  return columns(known.map(([name, value]) => [`  ${name}`, value ?? '']))
}

/** Seconds as a person says them: `42 s`, `5 min`, `3 h`, `2 d`. */
export function formatAge(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`
}

/** A size as a person says it, in decimal units: `512 bytes`, `3.4 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  const units = ['kB', 'MB', 'GB', 'TB']
  const power = Math.min(Math.floor(Math.log10(bytes) / 3), units.length)
  const value = bytes / 1000 ** power
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[power - 1]}`
}

/** Who said a digest: an address as it is, a node by its name, where that is known, and the beginning of its key. */
export function formatSayer(
  saidBy: string | undefined | null,
  name?: string | null,
): string | undefined {
  const known = name == null ? '' : `${name}, `
  return saidBy?.replace(/^([0-9a-f]{12})[0-9a-f]{52}$/, (_, id: string) => `${known}node ${id}`)
}

/** A reference from the command line. Throws `CommandFailure` with `usage`. */
export function readReference(text: string): Reference {
  try {
    return parseReference(text)
  } catch (cause) {
    if (!(cause instanceof OciError)) throw cause
    throw new CommandFailure('usage', cause.message, cause)
  }
}

/** A whole number from 1 to `most` from the command line. Throws `CommandFailure` with `usage`. */
export function readLimit(text: string | undefined, otherwise: number, most: number): number {
  if (text === undefined) return otherwise
  const limit = /^[0-9]{1,7}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= most) return limit
  throw new CommandFailure(
    'usage',
    `--limit ${JSON.stringify(text)} is no number from 1 to ${most}`,
  )
}
