import t from 'tap'
import { formatAge, formatSayer, properties } from '../../src/cli/print.ts'
import { columns, toLines } from '../../src/cli/table.ts'

const texts = (rows: ReturnType<typeof columns>) => rows.flatMap(row => toLines(row, undefined))

t.test('columns are as wide as their widest cell, and end where their text ends', async t => {
  t.strictSame(
    texts(
      columns([
        ['a', 'bb', 'c'],
        ['aaa', 'b', ''],
      ]),
    ),
    ['a    bb  c', 'aaa  b'],
  )
})

t.test('what has no value is left out', async t => {
  t.strictSame(
    texts(
      properties([
        ['a', 'x'],
        ['long', undefined],
        ['b', null],
        ['c', ''],
      ]),
    ),
    ['  a  x'],
  )
})

t.test('a node is said by the beginning of its key, an address as it is', async t => {
  t.equal(formatSayer('0123456789abcdef'.repeat(4)), 'node 0123456789ab')
  t.equal(formatSayer('0123456789abcdef'.repeat(4), 'galley'), 'galley, node 0123456789ab')
  t.equal(formatSayer('https://quay.io'), 'https://quay.io')
  t.equal(formatSayer(undefined), undefined)
})

t.test('an age is said as a person says it', async t => {
  t.strictSame([1, 119, 120, 7199, 7200, 172_799, 172_800].map(formatAge), [
    '1 s',
    '119 s',
    '2 min',
    '120 min',
    '2 h',
    '48 h',
    '2 d',
  ])
})
