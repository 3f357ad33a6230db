import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { createQuestionFlights, type Flight } from '../../src/pull/question-flights.ts'
import { watchWaiting } from '../support/waited.ts'

interface Numbered extends Flight<string> {
  readonly number: number
}

function setUp() {
  const started: PromiseWithResolvers<string>[] = []
  const ask = createQuestionFlights<string, Numbered>(
    name => name,
    () => {
      const answer = Promise.withResolvers<string>()
      answer.promise.catch(() => {})
      started.push(answer)
      return { answer: answer.promise, number: started.length }
    },
  )
  return { ask, started }
}

t.test('a request never joins a flight that started before it arrived', async t => {
  const { ask, started } = setUp()
  const first = await ask('q')
  const second = ask('q')
  t.equal(first.number, 1)
  t.equal(started.length, 1, 'the second waits its turn')
  started[0]?.resolve('old')
  t.equal((await second).number, 2)
})

t.test('all who wait while a flight runs share the next one', async t => {
  const { ask, started } = setUp()
  await ask('q')
  const waiting = [ask('q'), ask('q'), ask('q')]
  started[0]?.resolve('done')
  const flights = await Promise.all(waiting)
  t.same(
    flights.map(f => f.number),
    [2, 2, 2],
  )
  t.equal(started.length, 2)
})

t.test('a queued flight does not wait longer than 100 ms for a silent one', async t => {
  const { ask, started } = setUp()
  await ask('q')
  const beganMs = performance.now()
  const waitedMs = watchWaiting()
  t.equal((await ask('q')).number, 2)
  t.ok(performance.now() - beganMs >= 95)
  t.ok(waitedMs() < 400)
  t.equal(started.length, 2)
})

t.test('at most ten flights of one question run at the same time', async t => {
  const { ask, started } = setUp()
  for (let n = 0; n < 10; n++) await ask('q')
  t.equal(started.length, 10)
  const eleventh = ask('q')
  await delay(250)
  t.equal(started.length, 10, 'ten are under way')
  started[3]?.reject(new Error('over'))
  t.equal((await eleventh).number, 11)
})

t.test('different questions do not wait for each other', async t => {
  const { ask, started } = setUp()
  await ask('a')
  await ask('b')
  t.equal(started.length, 2)
})

t.test('a question that ended long ago is asked at once', async t => {
  const { ask, started } = setUp()
  await ask('q')
  started[0]?.resolve('done')
  await nextTurn()
  let number = 0
  void ask('q').then(flight => {
    number = flight.number
  })
  await nextTurn()
  t.equal(number, 2)
})
