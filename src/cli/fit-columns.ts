/** How a table is shown in lines of one width. */
export interface Layout {
  /** Of each column, in characters. */
  readonly widths: readonly number[]
  /** Digests and times of a cell as there is room for them. */
  readonly shorten: (cell: string) => string
  /** The last column explains: what is longer than it is wide goes on in the next line. */
  readonly wraps: boolean
  /** The last column has lines of its own under the others. */
  readonly isBelow: boolean
}

/** Between two columns. */
export const gap = '  '
/** Before what stands below its row. */
export const belowIndent = '    '
/** No column is cut to less. */
const leastWidth = 8
/** A column of words is not wrapped to less. */
const leastProse = 24

/** Heads of columns that say what a row is about, wherever they stand; the first column does in any case. */
const nameHeads: ReadonlySet<string> = new Set(['NODE', 'IMAGE', 'TO', 'ADDRESS', 'WHAT'])

type Shorten = Layout['shorten']

/** Digests by their beginning, as people compare them, and times to the second; then to what just tells one from another. */
const shortenings: readonly [Shorten, ...Shorten[]] = [
  cell => cell,
  cell =>
    cell
      .replaceAll(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/g, '$1…')
      .replaceAll(/(T\d\d:\d\d:\d\d)\.\d+Z/g, '$1Z'),
  cell =>
    cell
      .replaceAll(/sha256:([0-9a-f]{12})[0-9a-f]{52}/g, '$1')
      .replaceAll(/\d{4}-(\d\d-\d\dT\d\d:\d\d):\d\d(\.\d+)?Z/g, '$1Z'),
]

/**
 * Fits a table into lines. Digests and times give first, then words in the last column are wrapped, or put below, and the widest of what is
 * left is cut. What says what a row is about is never cut: where that alone is too wide, lines are longer. @param rows the heads first
 */
export function fitColumns(
  rows: readonly (readonly string[])[],
  lineWidth: number | undefined,
): Layout {
  const tables = shortenings.map(shorten => ({ shorten, widths: widest(rows, shorten) }))
  const [whole = { shorten: shortenings[0], widths: [] }] = tables
  const plain = { wraps: false, isBelow: false }
  if (lineWidth === undefined) return { ...whole, ...plain }
  const fitting = tables.find(({ widths }) => totalOf(widths) <= lineWidth)
  if (fitting !== undefined) return { ...fitting, ...plain }
  const tightest = tables.at(-1) ?? whole
  if (!isProse(rows))
    return { ...tightest, widths: cutTo(lineWidth, tightest.widths, rows), ...plain }
  const wrapped = tables.find(({ shorten, widths }) => {
    const room = roomForLast(widths, lineWidth)
    return room >= leastLast(widths) && room >= longestWord(rows, shorten)
  })
  return wrapLast(wrapped ?? tightest, rows, lineWidth)
}

function wrapLast(
  { shorten, widths }: Pick<Layout, 'shorten' | 'widths'>,
  rows: readonly (readonly string[])[],
  lineWidth: number,
): Layout {
  const before = widths.slice(0, -1)
  const room = roomForLast(widths, lineWidth)
  if (room >= leastLast(widths)) {
    return { shorten, widths: [...before, room], wraps: true, isBelow: false }
  }
  const below = Math.max(leastProse, lineWidth - belowIndent.length)
  const cut = cutTo(lineWidth, before, rows)
  return { shorten, widths: [...cut, below], wraps: true, isBelow: true }
}

/** The last column has words in it. */
const isProse = (rows: readonly (readonly string[])[]): boolean =>
  rows.some(cells => cells.length > 1 && cells.at(-1)?.includes(' ') === true)

const leastLast = (widths: readonly number[]): number => Math.min(leastProse, widths.at(-1) ?? 0)

const roomForLast = (widths: readonly number[], lineWidth: number): number =>
  lineWidth - totalOf(widths) + (widths.at(-1) ?? 0)

const longestWord = (rows: readonly (readonly string[])[], shorten: Shorten): number =>
  Math.max(
    ...rows.flatMap(cells =>
      shorten(cells.at(-1) ?? '')
        .split(' ')
        .map(word => word.length),
    ),
  )

function widest(rows: readonly (readonly string[])[], shorten: Shorten): number[] {
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

/** The widest column that names nothing gives, one character after another, until a line fits or none has more to give. */
function cutTo(
  lineWidth: number,
  natural: readonly number[],
  [heads = []]: readonly (readonly string[])[],
): number[] {
  const widths = [...natural]
  const giving = widths.map((_, at) => at).filter(at => at > 0 && !nameHeads.has(heads[at] ?? ''))
  for (let over = totalOf(widths) - lineWidth; over > 0; over--) {
    const most = Math.max(0, ...giving.map(at => widths[at] ?? 0))
    const widest = giving.findLast(at => widths[at] === most)
    if (widest === undefined || most <= leastWidth) break
    widths[widest] = most - 1
  }
  return widths
}
