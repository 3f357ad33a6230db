import { brief, type Shorten, shortenings } from './shorten.ts'

/** How a table is shown in lines of one width. */
export interface Layout {
  /** Of each column, in characters. */
  readonly widths: readonly number[]
  /** Digests and times of a cell as there is room for them. */
  readonly shorten: Shorten
  readonly form: Form
  /** What a line may hold, in characters; absent: anything. */
  readonly lineWidth?: number
}

/**
 * `lines`: a row is a line. `wraps`: what is longer than the last column is wide goes on in the next line. `below`: the last column has
 * lines of its own under the others. `folded`: a row is its first cell, and under it every other one after its head.
 */
export type Form = 'lines' | 'wraps' | 'below' | 'folded'

/** Between two columns. */
export const gap = '  '
/** Before what stands below its row. */
export const belowIndent = '    '
/** A column of words is not wrapped to less. */
const leastProse = 24

type Rows = readonly (readonly string[])[]
type Fitted = Pick<Layout, 'shorten' | 'widths'>

/** Whether a row names columns and is no row of values. */
export const isHeads = (cells: readonly string[] = []): boolean =>
  /^[A-Z]/.test(cells[0] ?? '') && cells.every(cell => /^[A-Z ]*$/.test(cell))

/**
 * Fits a table into lines. Digests and times give first, then words in the last column are wrapped, or put below. Where the rest alone is too
 * wide, rows are folded: nothing is cut. @param given the heads first, where there are any: only then rows can be folded
 */
export function fitColumns(given: Rows, lineWidth: number | undefined): Layout {
  const rows = given.map(cells => padded(cells, given[0] ?? []))
  const tables = shortenings.map(shorten => ({ shorten, widths: widest(rows, shorten) }))
  const [whole = { shorten: shortenings[0], widths: [] }] = tables
  if (lineWidth === undefined) return { ...whole, form: 'lines' }
  const fitting = tables.find(({ widths }) => totalOf(widths) <= lineWidth)
  if (fitting !== undefined) return { ...fitting, form: 'lines', lineWidth }
  const tightest = tables.at(-1) ?? whole
  const goingOn = isProse(rows) ? letGoOn(tables, rows, lineWidth) : undefined
  if (goingOn !== undefined) return goingOn
  return isHeads(rows[0])
    ? { shorten: brief, widths: [], form: 'folded', lineWidth }
    : { ...tightest, form: 'lines', lineWidth }
}

/** With words of the last column in further lines; `undefined`: the others alone are too wide, and can be folded. */
function letGoOn(tables: readonly Fitted[], rows: Rows, lineWidth: number): Layout | undefined {
  const wrapped = tables.find(table => canWrap(table, rows, lineWidth))
  if (wrapped !== undefined) return wrapLast(wrapped, lineWidth)
  const tightest = tables.at(-1)
  if (tightest === undefined) return undefined
  const { widths } = tightest
  if (isHeads(rows[0])) {
    return totalOf(widths.slice(0, -1)) <= lineWidth ? putBelow(tightest, lineWidth) : undefined
  }
  // A word that is longer than the column stands out of it, as it would of a line of its own.
  const hasRoom = roomForLast(widths, lineWidth) >= leastLast(widths)
  return hasRoom ? wrapLast(tightest, lineWidth) : putBelow(tightest, lineWidth)
}

/** The last cell of a row that has fewer than the heads goes over the columns that are left, and makes none of them wider. */
const padded = (cells: readonly string[], heads: readonly string[]): readonly string[] =>
  cells.length < heads.length
    ? heads.map((_, at) => (at < cells.length - 1 ? (cells[at] ?? '') : ''))
    : cells

const canWrap = ({ shorten, widths }: Fitted, rows: Rows, lineWidth: number): boolean => {
  const room = roomForLast(widths, lineWidth)
  return room >= leastLast(widths) && room >= longestWord(rows, shorten)
}

const wrapLast = ({ shorten, widths }: Fitted, lineWidth: number): Layout => ({
  shorten,
  widths: [...widths.slice(0, -1), roomForLast(widths, lineWidth)],
  form: 'wraps',
  lineWidth,
})

const putBelow = ({ shorten, widths }: Fitted, lineWidth: number): Layout => ({
  shorten,
  widths: [...widths.slice(0, -1), Math.max(leastProse, lineWidth - belowIndent.length)],
  form: 'below',
  lineWidth,
})

/** The last column has words in it. */
const isProse = (rows: Rows): boolean =>
  rows.some(cells => cells.length > 1 && cells.at(-1)?.includes(' ') === true)

const leastLast = (widths: readonly number[]): number => Math.min(leastProse, widths.at(-1) ?? 0)

const roomForLast = (widths: readonly number[], lineWidth: number): number =>
  lineWidth - totalOf(widths) + (widths.at(-1) ?? 0)

const longestWord = (rows: Rows, shorten: Shorten): number =>
  rows
    .flatMap(cells => shorten(cells.at(-1) ?? '').split(' '))
    .reduce((longest, word) => Math.max(longest, word.length), 0)

function widest(rows: Rows, shorten: Shorten): number[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, shorten(cell).length)
    }
  }
  return widths
}

const totalOf = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, 0) + gap.length * Math.max(0, widths.length - 1)
