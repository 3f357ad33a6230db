import { type Aim, type Figure, isReached, ratioOf } from './figure.ts'

const columns = ['what', 'Holdfast', 'beside it', 'its value', 'ratio', 'aim', 'reached'] as const

/** The figures as a Markdown table whose columns also line up in a terminal. */
export function printTable(figures: readonly Figure[]): string {
  const rows = [[...columns], ...figures.map(cellsOf)]
  const widths = columns.map((_, at) => Math.max(...rows.map(row => (row[at] ?? '').length)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`
  const [head = [], ...body] = rows
  return [line(head), rule, ...body.map(line)].join('\n')
}

function cellsOf(figure: Figure): string[] {
  const { what, value, unit, peer, aim } = figure
  const ratio = ratioOf(figure)
  return [
    what,
    amount(value, unit),
    peer?.name ?? '',
    peer === undefined ? '' : amount(peer.value, unit),
    ratio === undefined || !Number.isFinite(peer?.value ?? 0) ? '' : `${ratio.toFixed(2)}×`,
    aim === undefined ? '' : aimText(aim, unit),
    { true: 'yes', false: 'NO', undefined: '' }[`${isReached(figure)}`] ?? '',
  ]
}

const aimText = ({ of, is, limit }: Aim, unit: string): string =>
  `${is === 'at least' ? '≥' : '≤'} ${limit}${of === 'ratio' ? '×' : ` ${unit}`}`

const amount = (value: number, unit: Figure['unit']): string =>
  Number.isFinite(value) ? `${number(value)} ${unit}` : 'no answer'

/** Three digits that mean something. */
function number(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en').replaceAll(',', ' ')
  return String(Number(value.toPrecision(3)))
}
