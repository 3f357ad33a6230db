import t from 'tap'
import type { Verdict } from '../../src/ports/bus.ts'
import { createJudging } from '../../src/ports/judging.ts'

const message = Uint8Array.of(1)

t.test('until a judge is set everything is ignored, then it has the word', async t => {
  const judging = createJudging()
  t.equal(await judging.ask(message, 'a'), 'ignore')
  judging.set((told, from) => (told === message && from === 'a' ? 'accept' : 'reject'))
  t.equal(await judging.ask(message, 'a'), 'accept')
  t.equal(await judging.ask(message, 'b'), 'reject')
})

t.test('a judge that throws, rejects or is late has not spoken', async t => {
  const judging = createJudging()
  judging.set(() => {
    throw new Error('broken')
  })
  t.equal(await judging.ask(message, 'a'), 'ignore')
  judging.set(() => Promise.reject(new Error('broken')))
  t.equal(await judging.ask(message, 'a'), 'ignore')
  judging.set(() => new Promise(() => {}))
  const startedMs = performance.now()
  t.equal(await judging.ask(message, 'a'), 'ignore')
  t.ok(performance.now() - startedMs >= 95)
})

t.test('of a flood so many wait for their verdict, and the rest is dropped', async t => {
  const judging = createJudging()
  const verdict = Promise.withResolvers<Verdict>()
  let asked = 0
  judging.set(() => {
    asked += 1
    return verdict.promise
  })
  const waiting = Array.from({ length: 300 }, () => judging.ask(message, 'a'))
  t.equal(asked, 256)
  verdict.resolve('accept')
  const verdicts = await Promise.all(waiting)
  t.equal(verdicts.filter(one => one === 'ignore').length, 44)
  t.equal(await judging.ask(message, 'a'), 'accept', 'and then there is room')
})
