import { type Paint, stateHeads } from './colour.ts'

/** A row of a table: how wide its cells are is known once all of it is, and how wide the terminal. */
export interface Row {
  readonly cells: readonly string[]
  /** Its table's: how wide each column is where a line may have so many characters. */
  readonly widths: (lineWidth: number | undefined) => readonly number[]
  /** Columns that tell a state, counted from 0. */
  readonly states: ReadonlySet<number>
  /** What stands before it. */
  readonly indent?: string
}

/** What is printed as one line. */
export type Line = string | Row

/** Between two columns. */
const gap = '  '
/** No column is cut to less. */
const leastWidth = 8

/** Rows as columns, as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): Row[] {
  let fitted: { readonly lineWidth: number | undefined; readonly widths: number[] } | undefined
  const widths = (lineWidth: number | undefined): readonly number[] => {
    if (fitted?.lineWidth !== lineWidth) fitted = undefined
    fitted ??= { lineWidth, widths: fit(naturalWidths(rows, lineWidth), lineWidth) }
    return fitted.widths
  }
  const heads = rows[0] ?? []
  const states = new Set(heads.flatMap((head, at) => (stateHeads.has(head) ? [at] : [])))
  return rows.map(cells => ({ cells, widths, states }))
}

/** Two characters further to the right. */
export const indented = (line: Line): Line =>
  typeof line === 'string' ? `  ${line}` : { ...line, indent: `  ${line.indent ?? ''}` }

/**
 * A line as text. What is wider than a terminal has its digests shortened, and then the widest cells cut. @param width of the terminal, in
 * characters @param paint for what tells a state
 */
export function toText(line: Line, width: number | undefined, paint?: Paint): string {
  if (typeof line === 'string') return line
  const { cells, states, indent = '' } = line
  const widths = line.widths(width === undefined ? undefined : width - indent.length)
  const last = cells.length - 1
  const texts = cells.map((cell, column) => {
    const room = widths[column] ?? 0
    const text = cell.length > room ? cut(shorten(cell), room) : cell
    const shown = paint !== undefined && states.has(column) ? paint(text) : text
    return column === last ? shown : shown + ' '.repeat(Math.max(0, room - text.length))
  })
  return (indent + texts.join(gap)).trimEnd()
}

function naturalWidths(
  rows: readonly (readonly string[])[],
  lineWidth: number | undefined,
): number[] {
  const widths = widest(rows, cell => cell)
  const isTight = lineWidth !== undefined && totalOf(widths) > lineWidth
  return isTight ? widest(rows, shorten) : widths
}

function widest(rows: readonly (readonly string[])[], read: (cell: string) => string): number[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, read(cell).length)
    }
  }
  return widths
}

const totalOf = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, 0) + gap.length * Math.max(0, widths.length - 1)

/** The widest column gives, one character after another, until a line fits or none has more to give. */
function fit(natural: readonly number[], lineWidth: number | undefined): number[] {
  const widths = [...natural]
  if (lineWidth === undefined) return widths
  for (let over = totalOf(widths) - lineWidth; over > 0; over--) {
    const most = Math.max(...widths)
    if (most <= leastWidth) break
    widths[widths.lastIndexOf(most)] = most - 1
  }
  return widths
}

/** A digest by its beginning, as people compare it. */
const shorten = (cell: string): string =>
  cell.replaceAll(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…')

const cut = (text: string, room: number): string =>
  text.length <= room ? text : `${text.slice(0, Math.max(0, room - 1))}…`
