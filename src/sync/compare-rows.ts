import { maxOrigins } from '../ledger/merge.ts'
import { compareTexts } from '../ledger/record.ts'
import type { WireRow } from './row-bytes.ts'

/** What two nodes are to send each other of one leaf. */
export interface LeafDifference {
  /** Rows of mine that the other would take. */
  readonly offer: readonly WireRow[]
  /** Rows of the other's that I would take. */
  readonly want: readonly WireRow[]
}

/** One node's side of a leaf. */
export interface LeafSide {
  readonly rows: readonly WireRow[]
  /** Marks of what it was offered and did not take: not to be sent again. */
  readonly refused: ReadonlySet<string>
}

/**
 * Compares a leaf of two nodes. When the leaves differ and yet neither would take anything by what its rows say (two keys whose hashes
 * are one), everything that is not in both is sent.
 */
export function compareLeaf(mine: LeafSide, theirs: LeafSide): LeafDifference {
  const offer = unrefused(lacking(theirs.rows, mine.rows), theirs)
  const want = unrefused(lacking(mine.rows, theirs.rows), mine)
  if (offer.length > 0 || want.length > 0) return { offer, want }
  return {
    offer: unrefused(without(mine.rows, theirs.rows), theirs),
    want: unrefused(without(theirs.rows, mine.rows), mine),
  }
}

const unrefused = (rows: readonly WireRow[], { refused }: LeafSide): readonly WireRow[] =>
  rows.filter(({ mark }) => !refused.has(mark))

function without(rows: readonly WireRow[], others: readonly WireRow[]): readonly WireRow[] {
  const texts = new Set(others.map(({ text }) => text))
  return rows.filter(({ text }) => !texts.has(text))
}

/** Rows of `offered` that would change the registers that `held` describes. */
function lacking(held: readonly WireRow[], offered: readonly WireRow[]): readonly WireRow[] {
  const registers = Map.groupBy(held, ({ register }) => register)
  return offered.filter(row => isNews(registers.get(row.register) ?? [], row))
}

function isNews(held: readonly WireRow[], row: WireRow): boolean {
  if (held.some(({ text }) => text === row.text)) return false
  const ofOrigin = held.filter(({ origin }) => origin === row.origin)
  // The same stamp twice: only the whole records tell which one stays.
  if (ofOrigin.length > 0) return ofOrigin.every(other => compareStamped(row, other) >= 0)
  const newer = held.filter(other => compareStamped(other, row) > 0)
  return new Set(newer.map(({ origin }) => origin)).size < maxOrigins
}

const compareStamped = (a: WireRow, b: WireRow): number =>
  a.wallMs - b.wallMs || a.counter - b.counter || compareTexts(a.origin, b.origin)
