import { formatPath, type Path } from './schema-node.ts'

/** Where a value was written. */
export type Origin =
  | {
      readonly kind: 'file'
      readonly file: string
      readonly line?: number | undefined
      readonly column?: number | undefined
    }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string }
  | { readonly kind: 'default' }

/** What is wrong with a value, before it is known where it was written. */
export interface Finding {
  readonly path: Path
  /** Reads on from the path: `must be …`, `is no …`. */
  readonly problem: string
  /** What to write. */
  readonly cure?: string | undefined
  /** The value as a message may show it; secrets are masked already. */
  readonly shown?: string | undefined
  /** It is about the key and not its value. */
  readonly aboutKey?: boolean | undefined
}

/** A fault of the configuration that a person can act on. */
export interface Fault extends Omit<Finding, 'path' | 'aboutKey'> {
  /** Dotted path, empty when it is about a whole file or an unknown variable. */
  readonly path: string
  readonly origin: Origin
}

/** Takes note of a finding. */
export type Report = (finding: Finding) => void

/** Gives a finding its place. */
export function faultAt({ path, problem, cure, shown }: Finding, origin: Origin): Fault {
  return { path: formatPath(path), origin, problem, cure, shown }
}

/** As a person goes through a file: by line. What is not in the file comes after, as it was. */
export function inOrder(faults: readonly Fault[]): readonly Fault[] {
  return faults.toSorted(
    (one, other) =>
      placeOf(one).line - placeOf(other).line || placeOf(one).column - placeOf(other).column,
  )
}

function placeOf({ origin }: Fault): { readonly line: number; readonly column: number } {
  if (origin.kind !== 'file') return { line: Number.MAX_SAFE_INTEGER, column: 0 }
  return { line: origin.line ?? 0, column: origin.column ?? 0 }
}

/** `holdfast.yaml:3:14`, a variable's or a flag's name. */
function formatOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'file':
      return [origin.file, origin.line, origin.column].filter(part => part !== undefined).join(':')
    case 'variable':
    case 'flag':
      return origin.name
    case 'default':
      return 'default'
  }
}

/** One fault as lines of text: where, what, and what to write. */
export function formatFault({ path, origin, problem, cure, shown }: Fault): string {
  const subject = [path, shown].filter(part => part !== undefined && part !== '').join(': ')
  const what = subject === '' ? problem : `${subject} ${problem}`
  return `${formatOrigin(origin)}: ${what}${cure === undefined ? '' : `\n    ${cure}`}`
}

/** A value as a message may show it: short, on one line, without what could be a credential. */
export function show(value: unknown, isSecret: boolean): string {
  if (isSecret) return '(hidden)'
  if (typeof value === 'string') {
    const masked = value.replace(/.*@/s, '***@')
    return JSON.stringify(masked.length > 80 ? `${masked.slice(0, 80)}…` : masked)
  }
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'a mapping' : String(value)
}
