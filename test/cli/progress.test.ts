import t from 'tap'
import { createProgress } from '../../src/cli/progress.ts'

function terminal(isTerminal: boolean) {
  const written: string[] = []
  return { written, isTerminal, out() {}, err: (text: string) => void written.push(text) }
}

t.test('a terminal sees how far it is, on one line', async t => {
  const seen = terminal(true)
  const progress = createProgress(seen, { label: 'import', size: 2 ** 21 })
  progress.advance(2 ** 20)
  progress.advance(2 ** 20)
  progress.end()
  progress.end()
  t.match(seen.written[0], /^\rimport \[#{15} {15}\] {2}50 %, 1\.0 MB, \d.*B\/s/)
  t.match(seen.written.at(-2), /^\rimport \[#{30}\] 100 %, 2\.1 MB, /)
  t.strictSame(seen.written.filter(text => text === '\n').length, 1)
})

t.test('without a known size there is no bar, and who is no terminal sees nothing', async t => {
  const [seen, blind] = [terminal(true), terminal(false)]
  for (const one of [seen, blind]) {
    const progress = createProgress(one, { label: 'export', size: undefined })
    progress.advance(3 * 2 ** 20)
    progress.end()
  }
  t.match(seen.written[0], /^\rexport 3\.1 MB, /)
  t.strictSame(blind.written, [])
})

t.test('what came to less than was thought is whole at its end', async t => {
  const seen = terminal(true)
  const progress = createProgress(seen, { label: 'export', size: 2 ** 22 })
  progress.advance(2 ** 20)
  progress.end(true)
  t.match(seen.written.at(-2), /^\rexport \[#{30}\] 100 %, 1\.0 MB, /)
})
