import t from 'tap'
import { properties } from '../../src/cli/print.ts'
import { columns, indented, type Line, toText } from '../../src/cli/table.ts'

const digest = `sha256:${'a'.repeat(64)}`
const rows = [
  ['TAG', 'DIGEST', 'NOTE'],
  ['docker.io/library/nginx:1.27', digest, 'until Lisbon'],
  ['quay.io/a/b:1', digest, ''],
]
const texts = (width: number | undefined, table: readonly Line[] = columns(rows)) =>
  table.flatMap(row => toText(row, width).split('\n'))

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

t.test('what a row is about is never cut; what else there is gives, the widest first', async t => {
  const table = columns([
    ['AT', 'BY', 'TO', 'ON'],
    [
      '2026-11-29T05:04:03Z',
      'somebody of the night watch',
      'registry.lab/flee/app:1.0',
      'bridge-of-the-ship',
    ],
  ])
  for (const width of [70, 64]) {
    const lines = texts(width, table)
    t.ok(
      lines.every(line => line.length <= width),
      `${width}: ${lines.join('|')}`,
    )
    t.match(lines[1], /^11-29T05:04Z {2}somebody o.*… {2}registry\.lab\/flee\/app:1\.0 {2}bridge/)
  }
  for (const width of [34, 5]) {
    t.match(
      texts(width).join('\n'),
      /^docker\.io\/library\/nginx:1\.27 {2}aaaaaaa/m,
      'rather is a line longer',
    )
  }
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
  t.equal(toText(indented('text'), 60), '  text')
})
