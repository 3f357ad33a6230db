import { stripVTControlCharacters } from 'node:util'
import { type Paint, stateHeads } from './colour.ts'
import { belowIndent, fitColumns, gap, isHeads, type Layout } from './fit-columns.ts'
import { plainLine, plainText } from './plain-text.ts'
import { brief } from './shorten.ts'

/** A row of a table: how wide its cells are is known once all of it is, and how wide the terminal. */
export interface Row {
  /** Where there are fewer than the table has heads the last one goes over what is left of the line. */
  readonly cells: readonly string[]
  /** What the columns are called; empty: they have no names. */
  readonly heads: readonly string[]
  /** Its table's, where a line may have so many characters. */
  readonly layout: (lineWidth: number | undefined) => Layout
  /** What stands before it. */
  readonly indent?: string
}

/** What is printed as one line, or as several where a terminal is narrow. A text of several lines is printed as it is. */
export type Line = string | Row

/** Rows as columns, as wide as their widest cell. The first may name them, in capitals. */
export function columns(given: readonly (readonly string[])[]): Row[] {
  const rows = given.map(cells => cells.map(plainLine))
  let fitted: { readonly lineWidth: number | undefined; readonly layout: Layout } | undefined
  const layout = (lineWidth: number | undefined): Layout => {
    if (fitted?.lineWidth !== lineWidth) fitted = undefined
    fitted ??= { lineWidth, layout: fitColumns(rows, lineWidth) }
    return fitted.layout
  }
  const heads = isHeads(rows[0]) ? (rows[0] ?? []) : []
  return rows.map(cells => ({ cells, heads, layout }))
}

/** Two characters further to the right. */
export const indented = (line: Line): Line =>
  typeof line === 'string' ? `  ${line}` : { ...line, indent: `  ${line.indent ?? ''}` }

/**
 * The lines of one, none where it is of no use. @param width of the terminal, in characters @param paint for what tells a state
 */
export function toLines(line: Line, width: number | undefined, paint?: Paint): readonly string[] {
  if (typeof line === 'string') return wrapText(plainText(line), width)
  const { indent = '' } = line
  const layout = line.layout(width === undefined ? undefined : width - indent.length)
  const shown = layout.form === 'folded' ? fold(line, layout, paint) : align(line, layout, paint)
  return shown.map(text => (indent + text).trimEnd())
}

/** Words that are too many for a line go on in the next one. Digests are shortened then, but in what is to be typed. */
function wrapText(text: string, width: number | undefined): readonly string[] {
  if (width === undefined || text.length <= width || text.includes('\n')) return [text]
  const indent = /^ */.exec(text)?.[0] ?? ''
  const short = text.replaceAll(/`[^`]*`|[^`]+/g, part =>
    part.startsWith('`') ? part : brief(part),
  )
  return wrap(short.trimStart(), width - indent.length).map(one => indent + one)
}

interface Shown {
  readonly painted: string
  /** Further lines of it. */
  readonly more: readonly string[]
  readonly padding: string
}

/** A row with its cells under their heads. */
function align(row: Row, layout: Layout, paint?: Paint): readonly string[] {
  const { cells, heads } = row
  const last = cells.length - 1
  const shown = cells.map((cell, column): Shown => {
    const room = layout.widths[column] ?? 0
    const text = layout.shorten(cell)
    if (isSpanning(row, column)) {
      const [first = '', ...more] = wrap(text, roomFrom(column, layout))
      return { painted: first, more, padding: '' }
    }
    const isWrapped = layout.form !== 'lines' && column === last
    const [first = '', ...more] = isWrapped ? wrap(text, room) : [text]
    const painted = paintState(first, heads[column], paint)
    return { painted, more, padding: ' '.repeat(Math.max(0, room - first.length)) }
  })
  const isBelow = layout.form === 'below' && !isSpanning(row, last)
  return belowEachOther(shown, { widths: layout.widths, isBelow })
}

const paintState = (text: string, head: string | undefined, paint: Paint | undefined): string =>
  paint !== undefined && stateHeads.has(head ?? '') ? paint(text) : text

const startOf = (column: number, { widths }: Pick<Layout, 'widths'>): number =>
  widths.slice(0, column).reduce((sum, width) => sum + width + gap.length, 0)

const roomFrom = (column: number, layout: Layout): number =>
  (layout.lineWidth ?? Number.POSITIVE_INFINITY) - startOf(column, layout)

/** A row as lines: what goes on stands below its beginning. */
function belowEachOther(
  shown: readonly Shown[],
  layout: Pick<Layout, 'widths'> & { readonly isBelow: boolean },
): readonly string[] {
  const lineOf = (some: readonly Shown[]): string =>
    some.map(({ painted, padding }) => painted + padding).join(gap)
  const last = shown.at(-1)
  if (last === undefined) return ['']
  if (layout.isBelow) {
    const below = [last.painted, ...last.more].filter(text => text !== '')
    return [lineOf(shown.slice(0, -1)), ...below.map(text => belowIndent + text)]
  }
  const start = ' '.repeat(startOf(shown.length - 1, layout))
  return [lineOf(shown), ...last.more.map(text => start + text)]
}

/** A row as its first cell and, under it, the others with what they are called; the heads themselves are left out. */
function fold(row: Row, { shorten, lineWidth = 0 }: Layout, paint?: Paint): readonly string[] {
  const { cells, heads } = row
  if (cells === heads) return []
  const pieces = cells.flatMap((cell, column) => {
    if (cell === '' || column === 0) return []
    const head = isSpanning(row, column) ? '' : heads[column]
    return `${head} ${paintState(shorten(cell), head, paint)}`.trim()
  })
  return [shorten(cells[0] ?? ''), ...flow(pieces, lineWidth)]
}

/** As many beside each other as a line holds; words of one that is longer go on further to the right. */
function flow(pieces: readonly string[], lineWidth: number): readonly string[] {
  const lines: string[] = []
  for (const piece of pieces) {
    const longer = `${lines.at(-1) ?? ''}${gap}${piece}`
    if (lines.length > 0 && lengthOf(longer) <= lineWidth) lines[lines.length - 1] = longer
    else {
      const [first, ...more] = wrap(piece, lineWidth - belowIndent.length - gap.length)
      lines.push(belowIndent + first, ...more.map(text => belowIndent + gap + text))
    }
  }
  return lines
}

const lengthOf = (text: string): number => stripVTControlCharacters(text).length

/** A row ends with a cell that goes over the columns which it has no cells for. */
const isSpanning = ({ cells, heads }: Row, column: number): boolean =>
  cells.length < heads.length && column === cells.length - 1

/** What stands between spaces; what is to be typed is one word, so that it can be copied as a whole. */
const wordPattern = /(?:`[^`]*`|[^ `]|`)+/g

/** Lines of whole words; a word that is longer than a line has one of its own. */
function wrap(text: string, room: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.match(wordPattern) ?? []) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && longer.length > room) {
      lines.push(line)
      line = word
    } else line = longer
  }
  return [...lines, line]
}
