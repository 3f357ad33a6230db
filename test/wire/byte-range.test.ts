import t from 'tap'
import { parseRange, spanOf } from '../../src/wire/byte-range.ts'

t.test('a range is read as RFC 9110 has it', async t => {
  t.same(parseRange('bytes=0-'), { kind: 'from', first: 0, last: undefined })
  t.same(parseRange('bytes=5-9'), { kind: 'from', first: 5, last: 9 })
  t.same(parseRange('bytes=-500'), { kind: 'suffix', length: 500 })
  t.same(parseRange('Bytes=1-1'), { kind: 'from', first: 1, last: 1 })
})

t.test(
  'what is malformed, of another unit or several ranges is as if it were not there',
  async t => {
    for (const text of [
      undefined,
      '',
      'bytes',
      'bytes=',
      'bytes=-',
      'bytes=9-5',
      'bytes=a-b',
      'bytes=1-2,5-6',
      'bytes=0x1-',
      'bytes=-5-',
      'items=0-5',
      'bytes = 0-5',
    ]) {
      t.equal(parseRange(text), undefined, String(text))
    }
  },
)

t.test('a span lies within the blob', async t => {
  const span = (text: string, size: number): unknown => {
    const range = parseRange(text)
    return range && spanOf(range, size)
  }
  t.same(span('bytes=0-', 10), { start: 0, end: 10 })
  t.same(span('bytes=3-5', 10), { start: 3, end: 6 })
  t.same(span('bytes=3-500', 10), { start: 3, end: 10 })
  t.same(span('bytes=-4', 10), { start: 6, end: 10 })
  t.same(span('bytes=-400', 10), { start: 0, end: 10 })
  t.same(span('bytes=9-', 10), { start: 9, end: 10 })
  t.equal(span('bytes=10-', 10), 'unsatisfiable')
  t.equal(span('bytes=-0', 10), 'unsatisfiable')
  t.equal(span('bytes=99999999999999999999999999-', 10), 'unsatisfiable')
  t.equal(span('bytes=0-', 0), 'unsatisfiable')
  t.equal(span('bytes=-5', 0), 'unsatisfiable')
})
