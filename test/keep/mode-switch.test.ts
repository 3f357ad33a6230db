import t from 'tap'
import { type ClusterModeState, createModeSwitch } from '../../src/keep/mode-switch.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const startMs = Date.parse('2026-11-21T12:00:00Z')
const hourMs = 3_600_000

/** A node whose settings outlive it. */
function machine(cluster?: ClusterModeState) {
  const kept = new Map<string, string>()
  const clock = createMovableClock(startMs)
  const settings = {
    get: (name: string) => kept.get(name),
    set: async (name: string, value: string) => void kept.set(name, value),
  }
  const start = () =>
    createModeSwitch(
      { settings, cluster: () => cluster, clock, nowMs: clock.wallMs, log: silentLog },
      { configured: 'auto' },
    )
  return { clock, start, kept, settings }
}

t.test('the mode is as configured until somebody sets it, and again when it is reset', async t => {
  const mode = machine().start()
  t.strictSame(mode.state(), { mode: 'auto', decidedBy: 'configuration', configured: 'auto' })
  await mode.set('offline', { by: 'captain', forMs: undefined })
  t.equal(mode.current(), 'offline')
  t.strictSame(mode.state(), {
    mode: 'offline',
    decidedBy: 'node',
    configured: 'auto',
    set: { by: 'captain', atMs: startMs, untilMs: undefined },
  })
  await mode.reset()
  t.strictSame(mode.state(), { mode: 'auto', decidedBy: 'configuration', configured: 'auto' })
})

t.test('what was set is kept over a restart, and ends when it was meant to', async t => {
  const { clock, start } = machine()
  await start().set('offline', { by: 'captain', forMs: 2 * hourMs })
  clock.pass(hourMs)
  const next = start()
  t.equal(next.current(), 'offline')
  t.match(next.state(), { set: { untilMs: startMs + 2 * hourMs } })
  clock.pass(hourMs - 1)
  t.equal(next.current(), 'offline')
  clock.pass(1)
  t.equal(next.current(), 'auto')
  t.equal(start().current(), 'auto', 'also for whoever starts later')
})

t.test('while the node runs, a clock that is set moves no end', async t => {
  const { clock, start } = machine()
  const mode = start()
  await mode.set('offline', { by: 'captain', forMs: hourMs })
  clock.setWall(startMs + 365 * 24 * hourMs)
  t.equal(mode.current(), 'offline', 'years ahead')
  clock.setWall(0)
  clock.pass(hourMs)
  t.equal(mode.current(), 'auto', 'at 1970')
})

t.test('a clock that went back over a restart makes it no longer than it was meant', async t => {
  const { clock, start } = machine()
  await start().set('offline', { by: 'captain', forMs: hourMs })
  clock.setWall(0)
  const next = start()
  clock.pass(hourMs)
  t.equal(next.current(), 'auto')
})

t.test(
  'what cannot be written changes nothing, and what cannot be read counts as nothing',
  async t => {
    const { start, kept, settings } = machine()
    const mode = start()
    settings.set = () => Promise.reject(new Error('full'))
    await t.rejects(mode.set('offline', { by: 'captain', forMs: undefined }), /full/)
    t.equal(mode.current(), 'auto')
    for (const text of ['{', '{}', '{"mode":"on","by":"a","atMs":1}', '{"mode":"offline"}']) {
      kept.set('mode', text)
      t.equal(start().current(), 'auto', text)
    }
  },
)

t.test(
  'what is set for the node is above what is set for all, and that above the configuration',
  async t => {
    const cluster: ClusterModeState = {
      ...{ mode: 'offline', by: 'captain', atMs: startMs, untilMs: undefined },
      ...{ origin: 'aa', note: undefined },
    }
    const mode = machine(cluster).start()
    t.equal(mode.current(), 'offline')
    t.strictSame(mode.state(), {
      mode: 'offline',
      decidedBy: 'cluster',
      configured: 'auto',
      cluster,
    })
    await mode.set('online', { by: 'cook', forMs: undefined })
    t.equal(mode.current(), 'online')
    t.match(mode.state(), { decidedBy: 'node', set: { by: 'cook' }, cluster: { mode: 'offline' } })
    await mode.reset()
    t.equal(mode.current(), 'offline')
  },
)
