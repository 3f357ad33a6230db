import t from 'tap'
import { askInTurn } from '../../src/pull/ask-in-turn.ts'
import { stayAlive } from '../support/pull-parts.ts'

const { signal } = new AbortController()

/** Asks names of which each answers as it is called, and tells who was asked. */
function open(names: readonly string[], lateAfterMs: number) {
  const asked: string[] = []
  const cut: string[] = []
  const ask = (name: string, ends: AbortSignal) => {
    asked.push(name)
    ends.addEventListener('abort', () => cut.push(name))
    if (name === 'lacks') return Promise.resolve(undefined)
    return name === 'silent'
      ? new Promise<undefined>(resolve => ends.addEventListener('abort', () => resolve(undefined)))
      : Promise.resolve(name)
  }
  const answer = askInTurn(names, { ask, lateAfterMs: () => lateAfterMs }, signal)
  return { asked, cut, answer }
}

t.test('the next is asked when one has nothing, and nobody after an answer', async t => {
  const { asked, answer } = open(['lacks', 'lacks', 'one', 'another'], 60_000)
  t.equal(await answer, 'one')
  t.strictSame(asked, ['lacks', 'lacks', 'one'])
})

t.test('one that is late is not waited for alone, and is given up for an answer', async t => {
  stayAlive(t)
  const { asked, cut, answer } = open(['silent', 'one'], 30)
  t.equal(await answer, 'one')
  t.strictSame(asked, ['silent', 'one'])
  t.ok(cut.includes('silent'))
})

t.test('without anybody, or when all have nothing, there is no answer', async t => {
  t.equal(await open([], 30).answer, undefined)
  t.equal(await open(['lacks', 'lacks'], 30).answer, undefined)
})
