import t from 'tap'
import { createDoubts } from '../../../src/adapters/registry/doubts.ts'

function setUp() {
  let nowMs = 0
  const doubts = createDoubts({ monotonicMs: () => nowMs })
  const all = ['a', 'b']
  const sender = (endpoint: string, item = 'blob') => doubts.sender(item, endpoint, all)
  const pass = (ms: number): void => {
    nowMs += ms
  }
  return { ...doubts, sender, pass }
}

t.test('who lied is not believed for a minute, about that alone', async t => {
  const { sender, hasLied, pass } = setUp()
  t.equal(sender('a').lied(), true, 'another is left')
  t.equal(hasLied('blob', 'a'), true)
  t.equal(hasLied('other', 'a'), false)
  t.equal(hasLied('blob', 'b'), false)
  pass(60_000)
  t.equal(hasLied('blob', 'a'), false)
})

t.test('when all have lied nobody is left, and everybody is believed again', async t => {
  const { sender, hasLied } = setUp()
  sender('a').lied()
  t.equal(sender('b').lied(), false)
  t.equal(hasLied('blob', 'a') || hasLied('blob', 'b'), false)
})

t.test('who broke off last comes last', async t => {
  const { sender, lastBroke, pass } = setUp()
  t.equal(lastBroke('blob', 'a'), 0)
  t.equal(sender('a').broke(), true)
  t.ok(lastBroke('blob', 'a') > 0)
  t.equal(sender('b').broke(), false, 'the other one has failed, too')
  t.ok(lastBroke('blob', 'b') > lastBroke('blob', 'a'))
  sender('a').broke()
  t.ok(lastBroke('blob', 'a') > lastBroke('blob', 'b'))
  pass(60_000)
  t.equal(lastBroke('blob', 'a'), 0)
})

t.test('a liar is no one to be asked in the place of who broke off', async t => {
  const { sender } = setUp()
  sender('a').lied()
  t.equal(sender('b').broke(), false)
})

t.test('the oldest doubts are forgotten first', async t => {
  const { sender, hasLied } = setUp()
  for (let n = 0; n <= 1_000; n += 1) sender('a', `blob ${n}`).lied()
  t.equal(hasLied('blob 0', 'a'), false)
  t.equal(hasLied('blob 1', 'a'), true)
})
