import t, { type Test } from 'tap'
import { protectInNeighbour } from '../../src/keep/protect-neighbour.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { TagReference } from '../../src/oci/reference.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'

const [one, two] = [digestOf(Buffer.from('one')), digestOf(Buffer.from('two'))]
const key: TagReference = { registry: 'registry.lab', repository: 'app', tag: '1' }

function start(t: Test) {
  const timers = createMovableTimers(createMovableClock(Date.UTC(2026, 5, 1)))
  const told: Digest[][] = []
  const state = { kept: [one] as readonly Digest[], failure: undefined as Error | undefined }
  const listeners = new Set<(key: TagReference) => void>()
  const keepListeners = new Set<() => void>()
  const protection = protectInNeighbour({
    neighbour: { protect: digests => void told.push([...digests]) },
    ledger: {
      onChanged(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    keeps: {
      onChange(listener) {
        keepListeners.add(listener)
        return () => keepListeners.delete(listener)
      },
    },
    async kept() {
      if (state.failure !== undefined) throw state.failure
      return state.kept
    },
    timers,
    log: silentLog,
  })
  t.teardown(() => protection.close())
  const change = () => {
    for (const listener of listeners) listener(key)
  }
  const changeKeeps = () => {
    for (const listener of keepListeners) listener()
  }
  return { timers, told, state, change, changeKeeps, protection }
}

t.test('what is kept is told after the start, and every minute', async t => {
  const { timers, told, state } = start(t)
  await timers.pass(1_000)
  t.strictSame(told, [[one]])
  state.kept = [one, two]
  await timers.pass(60_000)
  t.strictSame(told, [[one], [one, two]])
})

t.test('a change of the ledger is told within a second, many of them once', async t => {
  const { timers, told, state, change } = start(t)
  await timers.pass(1_000)
  state.kept = []
  for (let i = 0; i < 5; i++) {
    change()
    await timers.pass(100)
  }
  await timers.pass(1_000)
  t.strictSame(told, [[one], []])
  await timers.pass(59_000)
  t.equal(told.length, 2, 'and the minute begins anew')
  await timers.pass(1_000)
  t.equal(told.length, 3)
})

t.test('what cannot be found out now is found out later', async t => {
  const { timers, told, state } = start(t)
  state.failure = new Error('the ledger is busy')
  await timers.pass(1_000)
  t.strictSame(told, [])
  state.failure = undefined
  await timers.pass(60_000)
  t.strictSame(told, [[one]])
})

t.test('once closed it tells nothing more', async t => {
  const { timers, told, change, protection } = start(t)
  await protection.close()
  change()
  await timers.pass(120_000)
  t.strictSame(told, [])
})

t.test('so is a change of what is kept', async t => {
  const { timers, told, state, changeKeeps } = start(t)
  await timers.pass(1_000)
  state.kept = [two]
  changeKeeps()
  await timers.pass(1_000)
  t.strictSame(told, [[one], [two]])
})
