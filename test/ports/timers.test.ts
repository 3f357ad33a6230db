import { mock } from 'node:test'
import t from 'tap'
import { systemTimers } from '../../src/ports/timers.ts'

const dayMs = 86_400_000

t.test('what is due in months is due then, and not at once', t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  let runs = 0
  systemTimers.after(60 * dayMs, () => {
    runs += 1
  })
  const cancel = systemTimers.after(60 * dayMs, () => {
    runs += 10
  })
  for (let day = 1; day < 60; day += 1) mock.timers.tick(dayMs)
  t.equal(runs, 0)
  cancel()
  for (let day = 60; day < 64; day += 1) mock.timers.tick(dayMs)
  t.equal(runs, 1)
  mock.timers.tick(60 * dayMs)
  t.equal(runs, 1, 'once')
  t.end()
})
