import { once } from 'node:events'
import t from 'tap'
import { createTimeBound } from '../../src/http/time-bound.ts'

t.test('what is still owed when the time is over is told, what was settled is not', async t => {
  const bound = createTimeBound({ boundMs: 20 })
  t.teardown(bound.close)
  const told: string[] = []
  const begin = (name: string, nowMs: number) => {
    const owed = { onOverdue: () => void told.push(name) }
    return { owed, span: bound.begin(owed, nowMs) }
  }
  const first = begin('first', 0)
  const second = begin('second', 100)
  const third = begin('third', 249)
  t.equal(first.span.signal, second.span.signal, 'what begins together shares a signal')
  t.equal(first.span.signal, third.span.signal)
  const later = begin('later', 250)
  t.not(first.span.signal, later.span.signal)
  second.span.settle(second.owed)
  later.span.settle(later.owed)
  // The timers do not keep a process alive, so that somebody else has to.
  const alive = setInterval(() => {}, 1000)
  t.teardown(() => clearInterval(alive))
  await once(later.span.signal, 'abort')
  t.ok(first.span.signal.aborted)
  t.match(first.span.signal.reason, { name: 'TimeoutError' })
  t.same(told, ['first', 'third'])
})

t.test('a closed bound tells nothing any more', async t => {
  const bound = createTimeBound({ boundMs: 1 })
  const { signal } = bound.begin({ onOverdue: () => t.fail('told') }, 0)
  bound.close()
  await new Promise(resolve => setTimeout(resolve, 300))
  t.notOk(signal.aborted)
})
