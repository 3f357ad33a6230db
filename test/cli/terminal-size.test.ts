import t from 'tap'
import { terminalSize } from '../../src/cli/terminal-size.ts'

t.test('a terminal is as large as it says, or as all are, and a pipe has no size', async t => {
  t.strictSame(terminalSize({ isTTY: true, columns: 132, rows: 50 }), { columns: 132, rows: 50 })
  t.strictSame(terminalSize({ isTTY: true, columns: 0, rows: 0 }), { columns: 80, rows: 24 })
  t.equal(terminalSize({ columns: 132 }), undefined)
})
