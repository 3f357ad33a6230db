import t from 'tap'
import { createQuestionBudget } from '../../../src/adapters/peer-http/question-budget.ts'

const kib = 1024
const budget = () => createQuestionBudget({ totalBytes: 300 * kib, bytesPerPeer: 200 * kib })

t.test('small questions are always taken in', async t => {
  const { begin } = budget()
  for (let at = 0; at < 100; at += 1) {
    const share = begin('a')
    t.ok(share.take(32 * kib) && share.take(32 * kib))
  }
})

t.test('what is long counts as a whole, of each node and of all, until it ends', async t => {
  const { begin } = budget()
  const one = begin('a')
  t.ok(one.take(60 * kib))
  t.ok(one.take(140 * kib))
  t.notOk(one.take(1), 'the most of one node')
  t.notOk(begin('a').take(65 * kib))
  const other = begin('b')
  t.ok(other.take(100 * kib))
  t.notOk(begin('c').take(65 * kib), 'the most of all')
  one.end()
  one.end()
  t.ok(begin('c').take(65 * kib))
  t.ok(begin('a').take(135 * kib))
  t.notOk(begin('d').take(65 * kib))
})
