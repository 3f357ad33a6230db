import t from 'tap'
import { columns, indented, type Line, toText } from '../../src/cli/table.ts'

const digest = `sha256:${'a'.repeat(64)}`
const rows = [
  ['TAG', 'DIGEST', 'NOTE'],
  ['docker.io/library/nginx:1.27', digest, 'until Lisbon'],
  ['quay.io/a/b:1', digest, ''],
]
const texts = (width: number | undefined, table: readonly Line[] = columns(rows)) =>
  table.map(row => toText(row, width))

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

t.test('then the widest column gives, and no line is longer than the terminal', async t => {
  for (const width of [60, 50, 40, 34]) {
    const lines = texts(width)
    t.ok(
      lines.every(line => line.length <= width),
      `${width}: ${lines.join('|')}`,
    )
    t.match(lines[1], '…')
  }
  t.ok(
    texts(5).every(line => line.length > 0),
    'and something is left of it on the narrowest',
  )
})

t.test('what stands further to the right has less room', async t => {
  const table = columns(rows).map(indented)
  const lines = texts(60, table)
  t.ok(lines.every(line => line.startsWith('  ') && line.length <= 60))
  t.equal(toText(indented('text'), 60), '  text')
})
