import { type Paint, stateHeads } from './colour.ts'
import { belowIndent, fitColumns, gap, type Layout } from './fit-columns.ts'

/** A row of a table: how wide its cells are is known once all of it is, and how wide the terminal. */
export interface Row {
  readonly cells: readonly string[]
  /** Its table's, where a line may have so many characters. */
  readonly layout: (lineWidth: number | undefined) => Layout
  /** Columns that tell a state, counted from 0. */
  readonly states: ReadonlySet<number>
  /** What stands before it. */
  readonly indent?: string
}

/** What is printed as one line, or as several where a terminal is narrow. */
export type Line = string | Row

/** Rows as columns, as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): Row[] {
  let fitted: { readonly lineWidth: number | undefined; readonly layout: Layout } | undefined
  const layout = (lineWidth: number | undefined): Layout => {
    if (fitted?.lineWidth !== lineWidth) fitted = undefined
    fitted ??= { lineWidth, layout: fitColumns(rows, lineWidth) }
    return fitted.layout
  }
  const heads = rows[0] ?? []
  const states = new Set(heads.flatMap((head, at) => (stateHeads.has(head) ? [at] : [])))
  return rows.map(cells => ({ cells, layout, states }))
}

/** Two characters further to the right. */
export const indented = (line: Line): Line =>
  typeof line === 'string' ? `  ${line}` : { ...line, indent: `  ${line.indent ?? ''}` }

/**
 * A line as text, without the end of its last line. @param width of the terminal, in characters @param paint for what tells a state
 */
export function toText(line: Line, width: number | undefined, paint?: Paint): string {
  if (typeof line === 'string') return line
  const { cells, states, indent = '' } = line
  const layout = line.layout(width === undefined ? undefined : width - indent.length)
  const last = cells.length - 1
  const shown = cells.map((cell, column) => {
    const room = layout.widths[column] ?? 0
    const short = layout.shorten(cell)
    const [first = '', ...more] =
      layout.wraps && column === last ? wrap(short, room) : [cut(short, room)]
    const painted = paint !== undefined && states.has(column) ? paint(first) : first
    return { painted, more, padding: ' '.repeat(Math.max(0, room - first.length)) }
  })
  return folded(shown, layout)
    .map(text => (indent + text).trimEnd())
    .join('\n')
}

interface Shown {
  readonly painted: string
  /** Further lines of it. */
  readonly more: readonly string[]
  readonly padding: string
}

/** A row as lines: what goes on stands below its beginning. */
function folded(shown: readonly Shown[], { widths, isBelow }: Layout): readonly string[] {
  const lineOf = (some: readonly Shown[]): string =>
    some.map(({ painted, padding }) => painted + padding).join(gap)
  const last = shown.at(-1)
  if (last === undefined) return ['']
  if (isBelow) {
    const below = [last.painted, ...last.more].filter(text => text !== '')
    return [lineOf(shown.slice(0, -1)), ...below.map(text => belowIndent + text)]
  }
  const start = widths
    .slice(0, shown.length - 1)
    .reduce((sum, width) => sum + width + gap.length, 0)
  return [lineOf(shown), ...last.more.map(text => ' '.repeat(start) + text)]
}

/** Lines of whole words; a word that is longer than a line has one of its own. */
function wrap(text: string, room: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && longer.length > room) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line]
}

const cut = (text: string, room: number): string =>
  text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`
