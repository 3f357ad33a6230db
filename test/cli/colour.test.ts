import { stripVTControlCharacters } from 'node:util'
import t from 'tap'
import { paintOf } from '../../src/cli/colour.ts'
import type { Terminal } from '../../src/cli/command.ts'
import { columns, toLines } from '../../src/cli/table.ts'

const terminal: Terminal = {
  out() {},
  err() {},
  isTerminal: true,
  size: () => ({ columns: 80, rows: 24 }),
}
const rows = columns([
  ['NODE', 'STATE', 'NOTE'],
  ['gone', 'alive', 'ready'],
  ['hold', 'does not answer since noon', ''],
  ['galley', 'suspect', ''],
  ['bow', 'unheard of', ''],
])

t.test('what tells a state has its colour on a terminal, and nothing else has', async t => {
  const paint = paintOf({ terminal, env: {} })
  t.strictSame(
    rows.flatMap(row => toLines(row, 80, paint)),
    [
      'NODE    STATE                       NOTE',
      'gone    \x1b[32malive\x1b[0m                       ready',
      'hold    \x1b[31mdoes not answer since noon\x1b[0m',
      'galley  \x1b[33msuspect\x1b[0m',
      'bow     unheard of',
    ],
  )
  t.strictSame(
    rows.flatMap(row => toLines(row, 80, paint).map(stripVTControlCharacters)),
    rows.flatMap(row => toLines(row, 80)),
    'columns stand where they stood',
  )
})

t.test('there is none for programs, for NO_COLOR and for a dumb terminal', async t => {
  const { size: _, ...piped } = terminal
  t.equal(paintOf({ terminal: piped, env: {} }), undefined)
  t.equal(paintOf({ terminal: { ...terminal, size: () => undefined }, env: {} }), undefined)
  t.equal(paintOf({ terminal, env: { NO_COLOR: '1' } }), undefined)
  t.equal(paintOf({ terminal, env: { TERM: 'dumb' } }), undefined)
  t.type(paintOf({ terminal, env: { NO_COLOR: '', TERM: 'xterm' } }), 'function')
})
