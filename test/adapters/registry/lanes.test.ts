import t from 'tap'
import { createLanes } from '../../../src/adapters/registry/lanes.ts'
import { UpstreamFailure } from '../../../src/ports/errors.ts'
import { stopTime } from './support/stopped-time.ts'

const failure = new UpstreamFailure('unreachable', 'status', 'answered 500', { status: 500 })

function makeLanes() {
  const time = stopTime()
  const calls: string[] = []
  const asked: string[] = []
  const gate = { isOpen: true }
  const lanes = createLanes(
    { ...time, random: () => 0 },
    {
      onOpened: name => calls.push(`opened ${name}`),
      onClosed: name => calls.push(`closed ${name}`),
      mayProbe: () => gate.isOpen,
    },
  )
  const open = (name: string) =>
    lanes.open(name).open(failure, () => {
      asked.push(name)
      return new Promise(() => {})
    })
  return { time, calls, asked, gate, lanes, open }
}

t.test('each repository has its own breaker', async t => {
  const { lanes, calls, open } = makeLanes()
  open('a')
  t.equal(lanes.find('a')?.isOpen(), true)
  t.equal(lanes.find('b'), undefined)
  t.equal(lanes.openCount(), 1)
  lanes.succeed('b')
  lanes.succeed('a')
  t.equal(lanes.find('a'), undefined, 'a clean one is not kept')
  t.strictSame(calls, ['opened a', 'closed a'])
})

t.test('failures of one repository are counted until a success', async t => {
  const { lanes } = makeLanes()
  const again = () => new Promise(() => {})
  lanes.open('a').fail(failure, again)
  lanes.succeed('a')
  lanes.open('a').fail(failure, again)
  t.equal(lanes.openCount(), 0)
  lanes.open('a').fail(failure, again)
  t.equal(lanes.openCount(), 1)
})

t.test('four are asked about at a time, the others later', async t => {
  const { lanes, open, asked, time } = makeLanes()
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) open(name)
  time.advance(20_000)
  t.strictSame(asked, ['a', 'b', 'c', 'd'])
  lanes.succeed('a')
  time.advance(2_000)
  t.strictSame(asked, ['a', 'b', 'c', 'd', 'e'])
})

t.test(
  'none is asked about while that makes no sense, and all at once when it does again',
  async t => {
    const { lanes, open, asked, gate, time } = makeLanes()
    open('a')
    open('b')
    gate.isOpen = false
    time.advance(60_000)
    t.strictSame(asked, [])
    gate.isOpen = true
    lanes.hurry()
    t.strictSame(asked, ['a', 'b'])
  },
)

t.test('one that nobody asks about for ten minutes is forgotten', async t => {
  const { lanes, open, gate, time } = makeLanes()
  gate.isOpen = false
  open('a')
  open('b')
  time.advance(9 * 60_000)
  t.ok(lanes.find('b'))
  time.advance(2 * 60_000)
  t.equal(lanes.openCount(), 1)
  t.equal(lanes.find('a'), undefined)
  t.ok(lanes.find('b'))
})

t.test('of more than a thousand the oldest is forgotten', async t => {
  const { lanes, open } = makeLanes()
  for (let n = 0; n <= 1_000; n += 1) open(`r${n}`)
  t.equal(lanes.openCount(), 1_000)
  t.equal(lanes.find('r0'), undefined)
})

t.test('stopped, nothing waits any more', async t => {
  const { lanes, open, asked, time } = makeLanes()
  open('a')
  lanes.stop()
  t.strictSame(time.waiting(), [])
  time.advance(60_000)
  t.strictSame(asked, [])
})
