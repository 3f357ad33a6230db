import t from 'tap'
import { createRunning, uniteRunning } from '../../src/keep/running.ts'
import { watchRunningElsewhere } from '../../src/keep/running-elsewhere.ts'
import { noPods } from '../../src/keep/watch-pods.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { parseTag } from '../../src/oci/reference.ts'
import type { SaidWord } from '../../src/ports/word-book.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { nodeId } from '../support/peer-lab.ts'

const day = 24 * 3_600_000
const began = Date.UTC(2026, 10, 28)
const web = parseTag('reg.test/web:1')
const db = `reg.test/db@${digestOf(Buffer.from('db'))}`

function watch({ runningForMs = 7 * day } = {}) {
  const clock = createMovableClock(began)
  const timers = createMovableTimers(clock)
  let words: readonly SaidWord[] = []
  let listener = () => {}
  let changes = 0
  const others = watchRunningElsewhere(
    {
      words: {
        list: () => words,
        onChange(heard) {
          listener = heard
          return () => {}
        },
      },
      self: nodeId('self'),
      nowMs: clock.wallMs,
      timers,
    },
    { runningForMs },
  )
  others.onChange(() => {
    changes += 1
  })
  return {
    others,
    timers,
    changes: () => changes,
    say(...said: readonly (readonly [node: string, ...names: string[]])[]) {
      const atMs = clock.wallMs()
      words = said.map(([node, ...names]) => {
        const [key, value] = [nodeId(node), names.join('\n')]
        return { key, atMs, origin: key, note: undefined, author: undefined, value }
      })
      listener()
    },
  }
}

t.test(
  'what other nodes run counts together, and what this one says of itself does not',
  async t => {
    const { others, say, changes } = watch()
    t.notOk(others.isRunning(web))
    say(['a', 'reg.test/web:1'], ['b', db, 'reg.test/web:1'], ['self', 'reg.test/own:1'])
    t.ok(others.isRunning(web))
    t.strictSame([...others.tags()], ['reg.test/web:1'])
    t.match(others.byDigest(), [{ repository: { repository: 'db' } }])
    t.equal(changes(), 1)
    say(['a', 'reg.test/web:1'], ['b', db])
    t.equal(changes(), 1, 'said anew, and the same')
    say(['b', db])
    t.notOk(others.isRunning(web))
    t.equal(changes(), 2)
    const all = uniteRunning(createRunning(noPods), others)
    t.match(all.byDigest(), { length: 1 })
    t.notOk(all.isHere(web))
    t.equal(all.digestsHere().size, 0)
    others.close()
  },
)

t.test('a word that is not said anew counts no longer, and that is told', async t => {
  const { others, say, changes, timers } = watch()
  say(['a', 'reg.test/web:1'])
  await timers.pass(7 * day - 60_000)
  t.ok(others.isRunning(web))
  await timers.pass(60_000)
  t.notOk(others.isRunning(web))
  await timers.pass(60_000)
  t.equal(changes(), 2)
  others.close()
})

t.test(
  'a word counts until it is said anew, however soon this node forgets its own pods',
  async t => {
    const { others, say, timers } = watch({ runningForMs: 60_000 })
    say(['a', 'reg.test/web:1'])
    await timers.pass(2 * day - 60_000)
    t.ok(others.isRunning(web))
    await timers.pass(60_000)
    t.notOk(others.isRunning(web))
    others.close()
  },
)
