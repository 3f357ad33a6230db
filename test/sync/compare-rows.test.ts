import t from 'tap'
import { compareLeaf } from '../../src/sync/compare-rows.ts'
import {
  decodeRows,
  encodeRows,
  rowBytes,
  type WireRow,
  wireRow,
} from '../../src/sync/row-bytes.ts'

const row = (
  origin: string,
  wallMs: number,
  mark = '00000000',
  register = 'abc000000001',
): WireRow => wireRow({ register, wallMs, counter: 3, origin: origin.repeat(64), mark })
const side = (rows: readonly WireRow[], refused: readonly string[] = []) => ({
  rows,
  refused: new Set(refused),
})
const texts = (rows: readonly WireRow[]) => rows.map(({ text }) => text)

t.test('rows travel in 27 bytes each', t => {
  const rows = [row('a', 1_780_000_000_123, 'deadbeef'), row('b', 2 ** 50 + 1)]
  const bytes = encodeRows(rows)
  t.equal(bytes.length, 2 * rowBytes)
  t.strictSame(decodeRows(bytes), rows)
  t.equal(decodeRows(bytes.subarray(1)), undefined)
  t.equal(decodeRows(Buffer.alloc(27, 0xff)), undefined, 'a time beyond all numbers')
  t.end()
})

t.test('who has a newer word offers it, and wants none that is older', t => {
  const [older, newer] = [row('a', 1), row('a', 2)]
  const difference = compareLeaf(side([newer]), side([older]))
  t.strictSame(texts(difference.offer), texts([newer]))
  t.strictSame(difference.want, [])
  const other = compareLeaf(side([older]), side([newer]))
  t.strictSame(other.offer, [])
  t.strictSame(texts(other.want), texts([newer]))
  t.end()
})

t.test('a fourth origin counts only when it is newer than one of three', t => {
  const three = [row('a', 5), row('b', 6), row('c', 7)]
  t.strictSame(
    compareLeaf(side(three), side([...three, row('d', 4)])).want.length,
    1,
    'else none differs',
  )
  const mixed = compareLeaf(side(three), side([row('d', 4), row('e', 9)]))
  t.strictSame(texts(mixed.want), texts([row('e', 9)]))
  t.end()
})

t.test('one stamp with two marks is exchanged both ways', t => {
  const [x, y] = [row('a', 1, '11111111'), row('a', 1, '22222222')]
  const { offer, want } = compareLeaf(side([x]), side([y]))
  t.strictSame([texts(offer), texts(want)], [texts([x]), texts([y])])
  t.end()
})

t.test('what was refused is neither offered nor wanted again', t => {
  const [x, y] = [row('a', 1, '11111111'), row('b', 1, '22222222')]
  const { offer, want } = compareLeaf(side([x], ['22222222']), side([y], ['11111111']))
  t.strictSame([offer, want], [[], []])
  t.end()
})

t.test('when rows alone tell no difference everything that differs is sent', t => {
  // Two keys whose hashes are one: each side holds one of them, and the same register's newer word hides the other's.
  const [x, y] = [row('a', 2, '11111111'), row('a', 1, '22222222')]
  const { offer, want } = compareLeaf(side([x]), side([x, y]))
  t.strictSame(offer, [])
  t.strictSame(texts(want), texts([y]))
  t.end()
})
