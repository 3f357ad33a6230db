import t from 'tap'
import { createLimit, createTurns, joinCalls } from '../../../src/adapters/disk/syncing.ts'

/** Operations that end when the test says so. */
function createOperations() {
  const started: PromiseWithResolvers<void>[] = []
  return {
    started,
    run: () => {
      const operation = Promise.withResolvers<void>()
      started.push(operation)
      return operation.promise
    },
  }
}

t.test('a limit runs so many at once and the others in order', async t => {
  const limit = createLimit(2)
  const { started, run } = createOperations()
  const all = [limit(run), limit(run), limit(run)]
  t.equal(started.length, 2)
  started[1]?.reject(new Error('broken'))
  await t.rejects(all[1] ?? Promise.resolve(), /broken/, 'a failure frees its place')
  t.equal(started.length, 3)
  started[0]?.resolve()
  started[2]?.resolve()
  await Promise.all([all[0], all[2]])
})

t.test('calls join one that has not started, never one that runs', async t => {
  const { started, run } = createOperations()
  const call = joinCalls(run)
  const first = call()
  const others = [call(), call(), call()]
  t.equal(started.length, 1)
  started[0]?.resolve()
  await first
  t.equal(started.length, 2, 'one for all three')
  started[1]?.resolve()
  await Promise.all(others)
  const later = call()
  t.equal(started.length, 3)
  started[2]?.resolve()
  await later
})

t.test('a failed call fails those it was for and nobody after them', async t => {
  const { started, run } = createOperations()
  const call = joinCalls(run)
  const first = call()
  const second = call()
  started[0]?.reject(new Error('broken'))
  await t.rejects(first, /broken/)
  started[1]?.resolve()
  await second
  t.equal(started.length, 2)
})

t.test('what has the same key takes turns, what has not does not wait', async t => {
  const inTurn = createTurns<string>()
  const { started, run } = createOperations()
  const a = inTurn('a', run)
  const again = inTurn('a', run)
  const b = inTurn('b', run)
  t.equal(started.length, 2)
  started[0]?.reject(new Error('broken'))
  await t.rejects(a, /broken/)
  t.equal(started.length, 3, 'also after a failure')
  started[1]?.resolve()
  started[2]?.resolve()
  await Promise.all([again, b])
})
