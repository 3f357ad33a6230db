import t from 'tap'
import { createRunning, keepRunning } from '../../src/keep/running.ts'
import { watchPods } from '../../src/keep/watch-pods.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { parseTag } from '../../src/oci/reference.ts'
import { HoldfastError } from '../../src/ports/errors.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { PodContainer, PodView } from '../../src/ports/pod-runtime.ts'
import { createMemoryPods } from '../support/memory-pods.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'

const d = (text: string) => digestOf(Buffer.from(text))
const nowMs = Date.parse('2026-11-28T21:00:00Z')
const day = 24 * 3_600_000
const web = 'docker.io/library/web:1'

const container = (image: string, salt = 'web'): PodContainer => ({
  namespace: 'default',
  pod: 'web-0',
  container: 'main',
  images: [image],
  digest: d(salt),
  isRunning: true,
  createdAtMs: nowMs,
})

/** A runtime that runs what it is told to, or fails as it is told to; and who watches it. */
function watch(memory = createMemoryPods()) {
  const clock = createMovableClock(nowMs)
  const timers = createMovableTimers(clock)
  const runtime = {
    runs: [container(web)] as readonly PodContainer[],
    failure: undefined as string | undefined,
    looks: 0,
    open: 0,
  }
  const told: string[] = []
  const pods = watchPods(
    {
      async open() {
        if (runtime.failure !== undefined)
          throw new HoldfastError('config-invalid', runtime.failure)
        runtime.open += 1
        return {
          async look(): Promise<PodView> {
            runtime.looks += 1
            if (runtime.failure !== undefined) {
              throw new HoldfastError('config-invalid', runtime.failure)
            }
            return { containers: runtime.runs, tags: new Map([[web, d('held')]]) }
          },
          close() {
            runtime.open -= 1
          },
        }
      },
      memory,
      nowMs: clock.wallMs,
      clock,
      timers,
      log: {
        ...silentLog,
        info: (_, text) => void told.push(text),
        warn: (_, text) => void told.push(text),
      },
    },
    { runningForMs: 7 * day },
  )
  return { pods, runtime, timers, clock, memory, told }
}

t.test('what runs is looked at every half minute, and when somebody asks', async t => {
  const { pods, runtime, timers } = watch()
  t.equal(pods.state().state, 'looking')
  await timers.pass(1)
  t.equal(pods.state().state, 'seen')
  t.match(pods.containers(), [{ pod: 'web-0', images: [web], unseenMs: 0 }])
  t.equal(pods.heldUnder(web), d('held'))
  await timers.pass(60_000)
  t.equal(runtime.looks, 3)
  runtime.runs = []
  await Promise.all([pods.look(), pods.look()])
  t.equal(runtime.looks, 4, 'two who ask at once share a look')
  t.match(pods.containers(), [{ pod: 'web-0', unseenMs: 1 }])
  await pods.close()
  await pods.look()
  t.equal(runtime.looks, 4)
  t.equal(runtime.open, 0)
})

t.test('a runtime that is away is told of once, and forgets nothing', async t => {
  const { pods, runtime, timers, told } = watch()
  await timers.pass(1)
  runtime.failure = 'UNIMPLEMENTED: unknown service'
  await timers.pass(20 * day)
  t.strictSame(pods.state(), { state: 'unseen', failure: 'UNIMPLEMENTED: unknown service' })
  t.match(pods.containers(), [{ pod: 'web-0', unseenMs: 0 }])
  t.equal(told.length, 2)
  t.equal(runtime.open, 0, 'its connection is closed')
  runtime.failure = undefined
  runtime.runs = []
  await timers.pass(60_000)
  t.equal(pods.state().state, 'seen')
  t.match(pods.containers(), [{ pod: 'web-0' }], 'twenty days of silence are no absence')
  await timers.pass(7 * day)
  t.strictSame(pods.containers(), [])
  await pods.close()
})

t.test('after a power cut what ran is kept before the runtime is there', async t => {
  const before = watch()
  await before.timers.pass(1)
  await before.pods.close()
  const after = watch(before.memory)
  after.runtime.failure = 'there is no containerd'
  const running = createRunning(after.pods)
  t.ok(running.isRunning(parseTag(web)))
  await after.timers.pass(day)
  t.ok(running.isHere(parseTag(web)))
  await after.pods.close()
})

t.test('whoever keeps what runs hears of a change, and of nothing else', async t => {
  const { pods, runtime, timers } = watch()
  const running = createRunning(pods)
  let heard = 0
  const keeps = keepRunning(
    {
      isKept: ({ tag }) => tag === 'said',
      beginnings: () => ['registry.lab/a:'],
      patterns: () => [],
      onChange: () => () => {},
    },
    running,
  )
  keeps.onChange(() => {
    heard += 1
  })
  t.notOk(keeps.isKept(parseTag(web)))
  await timers.pass(60_000)
  t.equal(heard, 1)
  t.ok(keeps.isKept(parseTag(web)))
  t.strictSame(keeps.beginnings(), ['registry.lab/a:', web])
  t.ok(keeps.isKept(parseTag('registry.lab/a:said')))
  const named = `registry.lab/b@${d('b')}`
  runtime.runs = [container(web), container(named, 'b')]
  await timers.pass(30_000)
  t.equal(heard, 2)
  t.strictSame(running.byDigest(), [
    { repository: { registry: 'registry.lab', repository: 'b' }, digest: d('b') },
  ])
  t.strictSame(running.digestsHere(), new Set([d('web'), d('b')]))
  await pods.close()
})
