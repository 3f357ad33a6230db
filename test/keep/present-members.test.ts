import t from 'tap'
import { createPresentMembers } from '../../src/keep/present-members.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'

const minute = 60_000

function open(...others: readonly string[]) {
  const clock = createMovableClock(0)
  const lab = createPeerLab()
  for (const name of ['self', ...others]) lab.serve(nodeId(name), {})
  const members = lab.members(nodeId('self'))
  const present = createPresentMembers(members, clock, { repairAfterMs: 10 * minute })
  const names = () =>
    ['self', ...others].filter(name => present.alive().some(({ id }) => id === nodeId(name)))
  return { clock, lab, present, names }
}

t.test('who is away counts for a while after that was noticed', async t => {
  const { clock, lab, present, names } = open('a', 'b')
  t.strictSame(names(), ['a', 'b'])
  t.equal(present.nextLeaveMs(), undefined)
  clock.pass(60 * minute)
  lab.say(nodeId('b'), { state: 'suspect', lastSeenMs: 0 })
  t.equal(present.nextLeaveMs(), 10 * minute)
  clock.pass(4 * minute)
  lab.say(nodeId('b'), { state: 'gone' })
  t.strictSame(names(), ['a', 'b'])
  t.equal(present.nextLeaveMs(), 6 * minute)
  clock.pass(6 * minute)
  t.strictSame(names(), ['a'])
  t.equal(present.nextLeaveMs(), undefined)
  lab.say(nodeId('b'), { state: 'alive' })
  t.strictSame(names(), ['a', 'b'])
  present.close()
})

t.test('absence from before this node ran does not count', async t => {
  const { clock, lab, present, names } = open('a')
  lab.say(nodeId('a'), { state: 'gone', lastSeenMs: -1e9 })
  clock.pass(10 * minute - 1)
  t.strictSame(names(), ['a'])
  t.equal(present.nextLeaveMs(), 1)
  clock.pass(1)
  t.strictSame(names(), [])
})

t.test('who knows nobody waits a while before it takes itself for alone', async t => {
  const { clock, present } = open()
  t.notOk(present.isSettled())
  clock.pass(30_000)
  t.ok(present.isSettled())
  t.ok(open('a').present.isSettled())
})
