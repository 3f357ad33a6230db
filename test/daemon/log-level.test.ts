import t from 'tap'
import { createLogLevel } from '../../src/daemon/log-level.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { runningLog } from '../support/start-node.ts'

function start() {
  const clock = createMovableClock(1_000)
  const timers = createMovableTimers(clock)
  const log = runningLog(silentLog)
  const level = createLogLevel({ log, timers, nowMs: clock.wallMs }, { configured: 'info' })
  return { log, level, timers }
}

t.test('a level is set until it is set anew', async t => {
  const { log, level, timers } = start()
  t.strictSame(level.state(), { level: 'info', configured: 'info' })
  level.set('debug', undefined)
  t.equal(log.level(), 'debug')
  await timers.pass(1_000_000)
  t.strictSame(level.state(), { level: 'debug', configured: 'info' })
})

t.test('a level is set for a while, and the newest word counts', async t => {
  const { log, level, timers } = start()
  level.set('debug', 500)
  t.strictSame(level.state(), { level: 'debug', configured: 'info', untilMs: 1_500 })
  await timers.pass(400)
  level.set('warn', 500)
  await timers.pass(400)
  t.equal(log.level(), 'warn', 'the end of what was said before is no end of this')
  await timers.pass(100)
  t.strictSame(level.state(), { level: 'info', configured: 'info' })
  level.set('error', 500)
  level.set('debug', undefined)
  await timers.pass(500)
  t.equal(log.level(), 'debug')
})

t.test('nothing happens after it is closed', async t => {
  const { log, level, timers } = start()
  level.set('debug', 500)
  level.close()
  await timers.pass(500)
  t.equal(log.level(), 'debug')
})
