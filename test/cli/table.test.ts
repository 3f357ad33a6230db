import t from 'tap'
import { properties } from '../../src/cli/print.ts'
import { columns, indented, type Line, toLines } from '../../src/cli/table.ts'

const digest = `sha256:${'a'.repeat(64)}`
const rows = [
  ['TAG', 'DIGEST', 'NOTE'],
  ['docker.io/library/nginx:1.27', digest, 'until Lisbon'],
  ['quay.io/a/b:1', digest, ''],
]
const texts = (width: number | undefined, table: readonly Line[] = columns(rows)) =>
  table.flatMap(row => toLines(row, width))

t.test('what is read by a program is never cut', async t => {
  t.strictSame(texts(undefined), [
    `TAG                           DIGEST${' '.repeat(67)}NOTE`,
    `docker.io/library/nginx:1.27  ${digest}  until Lisbon`,
    `quay.io/a/b:1                 ${digest}`,
  ])
  t.strictSame(texts(200), texts(undefined), 'nor where there is room')
})

t.test('where it is tight digests are shortened first', async t => {
  t.strictSame(texts(80), [
    'TAG                           DIGEST                NOTE',
    'docker.io/library/nginx:1.27  sha256:aaaaaaaaaaaa…  until Lisbon',
    'quay.io/a/b:1                 sha256:aaaaaaaaaaaa…',
  ])
})

t.test('then digests and times are as short as they can be, and words go below', async t => {
  const table = columns([
    ['TAG', 'DIGEST', 'CONFIRMED', 'NOTE'],
    ['quay.io/a/b:1', digest, '2026-11-29T05:04:03.217Z', 'until Lisbon, or when it is there'],
  ])
  t.strictSame(texts(100, table), [
    'TAG            DIGEST                CONFIRMED             NOTE',
    'quay.io/a/b:1  sha256:aaaaaaaaaaaa…  2026-11-29T05:04:03Z  until Lisbon, or when it is there',
  ])
  t.strictSame(texts(80, table), [
    'TAG            DIGEST        CONFIRMED     NOTE',
    'quay.io/a/b:1  aaaaaaaaaaaa  11-29T05:04Z  until Lisbon, or when it is there',
  ])
  t.strictSame(texts(75, table), [
    'TAG            DIGEST        CONFIRMED     NOTE',
    'quay.io/a/b:1  aaaaaaaaaaaa  11-29T05:04Z  until Lisbon, or when it is',
    '                                           there',
  ])
  t.strictSame(texts(50, table), [
    'TAG            DIGEST        CONFIRMED',
    '    NOTE',
    'quay.io/a/b:1  aaaaaaaaaaaa  11-29T05:04Z',
    '    until Lisbon, or when it is there',
  ])
})

t.test('values that are words go on below their beginning', async t => {
  const table = properties([
    ['digest', digest],
    ['because', 'the registry said so when it was asked for it on the day before yesterday'],
  ])
  t.strictSame(texts(85, table), [
    `  digest   ${digest}`,
    '  because  the registry said so when it was asked for it on the day before yesterday',
  ])
  t.strictSame(texts(50, table), [
    '  digest   sha256:aaaaaaaaaaaa…',
    '  because  the registry said so when it was asked',
    '           for it on the day before yesterday',
  ])
})

t.test('what stands further to the right has less room', async t => {
  const table = columns(rows).map(indented)
  const lines = texts(60, table)
  t.ok(lines.every(line => line.startsWith('  ') && line.length <= 60))
  t.ok(texts(40, table).every(line => line.split('\n').every(one => one.startsWith('  '))))
  t.strictSame(toLines(indented('text'), 60), ['  text'])
})

const peers = columns([
  ['NODE', 'ID', 'STATE', 'ZONE', 'ADDRESS', 'RTT', 'LEDGER', 'VERSION', 'SEEN'],
  ['galley', '9f44443b622f', 'alive', '', '10.0.0.12:5052', '4.7 ms', 'same', '0.1.0', '1 s ago'],
  ['hold', '9b7db49ab3f3', 'gone', '', '10.0.0.13:5052', '4.8 ms', '', '0.1.0', '4 min ago'],
])

t.test(
  'a table that is too wide is folded: what each row is about, and below it all the rest',
  async t => {
    t.match(texts(95, peers)[0], /^NODE +ID/)
    t.strictSame(texts(60, peers), [
      'galley',
      '    ID 9f44443b622f  STATE alive  ADDRESS 10.0.0.12:5052',
      '    RTT 4.7 ms  LEDGER same  VERSION 0.1.0  SEEN 1 s ago',
      'hold',
      '    ID 9b7db49ab3f3  STATE gone  ADDRESS 10.0.0.13:5052',
      '    RTT 4.8 ms  VERSION 0.1.0  SEEN 4 min ago',
    ])
    const painted = toLines(peers[1] ?? '', 60, text => `\x1b[32m${text}\x1b[0m`)
    t.equal(painted[1], '    ID 9f44443b622f  STATE \x1b[32malive\x1b[0m  ADDRESS 10.0.0.12:5052')
  },
)

t.test('nothing is ever cut', async t => {
  const table = columns([
    ['PATTERN', 'TAGS', 'SINCE', 'DIGEST'],
    ['docker.io/library/*', '4', '2026-11-29T05:04:03.217Z', digest],
  ])
  for (let width = 20; width <= 160; width++) {
    const shown = texts(width, table).join(' ')
    t.match(shown, /aaaaaaaaaaaa(…|a{52}|$)/, `${width}: ${shown}`)
    t.match(shown, /11-29T05:04(:03(\.217)?)?Z/)
    t.match(shown, /docker\.io\/library\/\*/)
  }
})

t.test('what stands for all that a row lacks makes no column wider', async t => {
  const table = columns([
    ['NODE', 'MODE', 'CONFIGURED', 'UNTIL'],
    ['galley', 'auto', 'auto', ''],
    ['hold', 'no answer: hold is gone, last heard of 24 s ago'],
  ])
  t.strictSame(texts(undefined, table), [
    'NODE    MODE  CONFIGURED  UNTIL',
    'galley  auto  auto',
    'hold    no answer: hold is gone, last heard of 24 s ago',
  ])
  t.strictSame(texts(40, table).slice(2), [
    'hold    no answer: hold is gone, last',
    '        heard of 24 s ago',
  ])
  t.strictSame(texts(28, table).slice(3), [
    'hold',
    '    no answer: hold is',
    '      gone, last heard of 24',
    '      s ago',
  ])
})

t.test('a text goes on in the next line; what is to be typed stays whole', async t => {
  const text = `  held here of ${digest}; \`holdfast block ${digest}\` stops that`
  t.strictSame(toLines(text, undefined), [text])
  t.strictSame(toLines(text, 40), [
    '  held here of sha256:aaaaaaaaaaaa…;',
    `  \`holdfast block ${digest}\``,
    '  stops that',
  ])
  const document = `node:\n  name: ${'long '.repeat(20)}`
  t.strictSame(toLines(document, 40), [document], 'of several lines it is laid out already')
})

t.test('what others wrote moves no cursor and colours nothing', async t => {
  const note = 'a\x1b[31mRED\x1b[2J\nnew\u202Ertl'
  const shown = [...texts(undefined, properties([['note', note]])), ...texts(undefined, [note])]
  t.strictSame(shown, ['  note  a�[31mRED�[2J new�rtl', 'a�[31mRED�[2J\nnew�rtl'])
})

t.test('a table may be as long as it is', async t => {
  const many = Array.from({ length: 200_000 }, (_, i) => [`t${i}`, 'left alone', 'it stands so'])
  t.equal(texts(20, columns([['WHAT', 'OUTCOME', 'WHY'], ...many])).length > many.length, true)
})
