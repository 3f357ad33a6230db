import t from 'tap'
import { formatTag } from '../../src/oci/reference.ts'
import { createStoreAnswer, storeSubject } from '../../src/sync/store-copies.ts'
import { busyAnswer, encodeWord } from '../../src/sync/wire.ts'
import { answer, image, nginx, today } from '../ports/tag-ledger.support.ts'
import { openSqliteLab } from './sqlite-lab.support.ts'

const name = formatTag(nginx)
const { signal } = new AbortController()

t.test('a pin is acknowledged by every node that has stored it, without a bus', async t => {
  const { lab, nodes } = await openSqliteLab(t, 3)
  const [a, b, c] = nodes
  if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes')
  await answer(a.ledger, 'x', { dateMs: today })
  await a.ledger.setPin(nginx, image('p'), {})
  t.strictSame(await a.sync.storeCopies('pin', name, 3, signal), { nodes: 3, members: 3, away: 0 })
  for (const { ledger } of [b, c]) t.equal(ledger.pin(nginx)?.digest, image('p').digest)
  const asked = lab.asked.filter(text => text.endsWith(storeSubject))
  t.equal(asked.length, 2)

  c.faults.dead = true
  await a.ledger.removePin(nginx)
  t.strictSame(await a.sync.storeCopies('pin', name, 1, signal), { nodes: 2, members: 3, away: 1 })
  t.equal(b.ledger.pin(nginx), undefined, 'a removal is stored as well')
})

t.test('what another node said is counted where it was said again and changed nothing', async t => {
  const { lab, nodes } = await openSqliteLab(t, 2)
  const [a, b] = nodes
  if (a === undefined || b === undefined) throw new Error('two nodes')
  await a.ledger.setPin(nginx, image('p'), {})
  await a.sync.storeCopies('pin', name, 2, signal)
  const asked = lab.asked.length
  t.strictSame(await b.sync.storeCopies('pin', name, 2, signal), { nodes: 2, members: 2, away: 0 })
  t.equal(lab.asked.length, asked + 1)
  t.match(await b.sync.storeCopies('pin', 'nobody/said:it', 1, signal), { nodes: 1 })
  t.equal(lab.asked.length, asked + 1, 'of nothing nobody is asked')
})

t.test(
  'copies are counted of what stands, also where this node said something else before',
  async t => {
    const { nodes } = await openSqliteLab(t, 3)
    const [a, b, c] = nodes
    if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes')
    await a.ledger.setPin(nginx, image('p'), {})
    await a.sync.storeCopies('pin', name, 3, signal)
    c.faults.dead = true
    await b.ledger.setPin(nginx, image('q'), {})
    await b.sync.storeCopies('pin', name, 1, signal)
    t.equal(a.ledger.pin(nginx)?.digest, image('q').digest)
    t.match(await a.sync.storeCopies('pin', name, 1, signal), { nodes: 2 })
    c.faults.dead = false
    t.match(await a.sync.storeCopies('pin', name, 3, signal), { nodes: 3 })
    t.equal(c.ledger.pin(nginx)?.digest, image('q').digest)
  },
)

t.test('who does not store it does not count, and is asked again', async t => {
  const { nodes, until } = await openSqliteLab(t, 2)
  const [a, b] = nodes
  if (a === undefined || b === undefined) throw new Error('two nodes')
  await a.ledger.setPin(nginx, image('p'), {})
  let refusals = 2
  b.faults.answer = (subject, given) =>
    subject === storeSubject && refusals-- > 0 ? encodeWord(0) : given
  t.strictSame(await a.sync.storeCopies('pin', name, 1, signal), { nodes: 1, members: 2, away: 0 })
  const again = a.sync.storeCopies('pin', name, 2, signal)
  await until(() => refusals < 0)
  t.strictSame(await again, { nodes: 2, members: 2, away: 0 })
  t.equal(refusals, -1)
})

t.test('what a node does not take it does not claim to have stored', async t => {
  const { nodes } = await openSqliteLab(t, 2)
  const [a, b] = nodes
  if (a === undefined || b === undefined) throw new Error('two nodes')
  await a.ledger.setPin(nginx, image('p'), {})
  await a.sync.storeCopies('pin', name, 2, signal)
  b.replication.setOperators(['ff'.repeat(32)])
  await a.ledger.setPin(nginx, image('q'), {})
  t.strictSame(
    await a.sync.storeCopies('pin', name, 1, signal),
    { nodes: 1, members: 2, away: 0 },
    'an operator it does not believe in is no reason to store',
  )
})

t.test('what is no question is answered like what cannot be served', async t => {
  const answerer = createStoreAnswer({
    store: { rows: () => [] },
    intake: { take: async () => 0, refusals: undefined as never },
  })
  for (const question of [Buffer.from('x'), encodeWord(3)]) {
    t.strictSame(await answerer(question, 'aa' as never, signal), busyAnswer)
  }
})
