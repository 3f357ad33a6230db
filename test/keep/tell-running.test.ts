import t from 'tap'
import { tellRunning } from '../../src/keep/tell-running.ts'
import type { PodsState } from '../../src/keep/watch-pods.ts'
import { type Log, silentLog } from '../../src/ports/log.ts'
import type { RememberedContainer } from '../../src/ports/pod-memory.ts'
import type { SaidWord } from '../../src/ports/word-book.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { nodeId } from '../support/peer-lab.ts'

const minute = 60_000
const day = 24 * 60 * minute
const self = nodeId('self')

const container = (image: string, unseenMs = 0): RememberedContainer => ({
  namespace: 'default',
  pod: 'web-0',
  container: 'main',
  images: [image],
  digest: undefined,
  firstMs: 0,
  lastMs: 0,
  unseenMs,
})

function tell(state: PodsState['state'] = 'seen', images: readonly string[] = ['reg.test/web:1']) {
  const clock = createMovableClock(Date.UTC(2026, 10, 28))
  const timers = createMovableTimers(clock)
  const node = { state, containers: images.map(image => container(image)), isBanned: false }
  const said: (string | undefined)[] = []
  const warnings: string[] = []
  let word: SaidWord | undefined
  let heard = () => {}
  const log: Log = { ...silentLog, warn: (_, message) => void warnings.push(message) }
  const teller = tellRunning({
    words: {
      list: () => (word === undefined || node.isBanned ? [] : [word]),
      async set(key, { value }) {
        said.push(value)
        const atMs = clock.wallMs()
        word = { key, atMs, origin: self, note: undefined, author: undefined, value }
      },
      async lift() {
        said.push(undefined)
        word = undefined
      },
    },
    self,
    pods: {
      state: () => ({ state: node.state, failure: undefined }),
      containers: () => node.containers,
      onChange(listener) {
        heard = listener
        return () => {}
      },
    },
    nowMs: clock.wallMs,
    timers,
    log,
  })
  return {
    node,
    timers,
    said,
    warnings,
    teller,
    run(...next: readonly RememberedContainer[]) {
      node.containers = [...next]
      heard()
    },
  }
}

t.test('it is told when it changed, once a minute at the most, and anew every day', async t => {
  const { timers, said, run, teller } = tell()
  await timers.pass(2_000)
  t.strictSame(said, ['reg.test/web:1'])
  for (let i = 0; i < 50; i++) {
    run(container(`reg.test/web:${i}`))
    await timers.pass(1_000)
  }
  t.equal(said.length, 1, 'told a minute ago at the most')
  await timers.pass(minute)
  t.strictSame(said, ['reg.test/web:1', 'reg.test/web:49'])
  await timers.pass(2 * minute)
  run(container('reg.test/db:1'), container('reg.test/web:49', 5))
  await timers.pass(1_000)
  t.equal(
    said.at(-1),
    'reg.test/db:1\nreg.test/web:49',
    'after a quiet time at once, with what ended',
  )
  await timers.pass(day - 2 * minute)
  t.equal(said.length, 3)
  await timers.pass(4 * minute)
  t.strictSame(said.slice(3), ['reg.test/db:1\nreg.test/web:49'])
  await teller.close()
})

t.test(
  'a node that does not look takes back what it said; one that cannot look does not',
  async t => {
    const { node, timers, said, run, teller } = tell('looking')
    await timers.pass(minute)
    t.strictSame(said, [], 'not before the first look')
    node.state = 'unseen'
    await timers.pass(minute)
    t.strictSame(said, ['reg.test/web:1'], 'what is remembered counts')
    run()
    await timers.pass(2 * minute)
    t.equal(said.length, 1)
    node.state = 'off'
    await timers.pass(5 * minute)
    t.strictSame(said, ['reg.test/web:1', undefined], 'once')
    await teller.close()
  },
)

t.test('of too many images those that run are told first, and the log says so once', async t => {
  const long = (i: number) => `reg.test/${'a'.repeat(100)}/app${i}:1`
  const { node, timers, said, warnings, teller } = tell()
  const ended = Array.from({ length: 500 }, (_, i) => container(long(i), 1))
  node.containers = [container('reg.test/z:1'), ...ended]
  await timers.pass(5 * minute)
  t.equal(said.length, 1)
  t.match(said[0], /^reg\.test\/z:1$/m)
  t.match(warnings, { length: 1, 0: /more images than other nodes can be told of/ })
  await teller.close()
})

t.test('a banned node does not say the same over and over', async t => {
  const { node, timers, said, teller } = tell()
  node.isBanned = true
  await timers.pass(60 * minute)
  t.equal(said.length, 1)
  await teller.close()
})
