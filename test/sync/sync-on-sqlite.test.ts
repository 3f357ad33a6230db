import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import t from 'tap'
import { formatTag } from '../../src/oci/reference.ts'
import { createTagMemory } from '../../src/pull/tag-memory.ts'
import { answer, hour, image, keyOf, nginx, today } from '../ports/tag-ledger.support.ts'
import { makePeer } from '../support/signing-node.ts'
import { openSqliteLab } from './sqlite-lab.support.ts'
import { contentsOf } from './support.ts'

t.test('three databases come to hold the same, pins of both sides and all', async t => {
  const { lab, nodes, until } = await openSqliteLab(t, 3)
  const [a, b, c] = nodes
  if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes')
  for (const [i, { ledger }] of nodes.entries()) {
    await answer(ledger, `of ${i}`, { dateMs: today + i })
    await ledger.setPin(nginx, image(`pin ${i}`), {})
    await answer(ledger, 'own', { dateMs: today, key: keyOf('docker.io', `own/${i}`, '1') })
  }
  lab.link(a.id, b.id)
  lab.link(b.id, c.id)
  const contents = async () => Promise.all(nodes.map(({ store }) => contentsOf(store)))
  await until(async () => new Set((await contents()).map(String)).size === 1)
  t.equal((await contents())[0]?.length, 9)
  t.equal(new Set(nodes.map(({ ledger }) => ledger.pin(nginx)?.digest)).size, 1)
  t.strictSame(
    nodes.map(({ ledger }) => ledger.live(nginx)?.digest),
    nodes.map(() => image('of 2').digest),
  )
})

t.test('what a neighbour learns leaves the memory in front of the ledger at once', async t => {
  const { lab, nodes, until } = await openSqliteLab(t, 2)
  const [a, b] = nodes
  if (a === undefined || b === undefined) throw new Error('two nodes')
  lab.link(a.id, b.id)
  await answer(a.ledger, 'a', { dateMs: today })
  const memory = createTagMemory(
    { ledger: b.ledger, clock: lab.clock },
    { timeoutMs: 1_000, maxTags: 10 },
  )
  t.teardown(memory.close)
  await until(() => memory.memoryOf(nginx).live?.digest === image('a').digest)
  lab.clock.pass(1_000)
  await answer(a.ledger, 'b', { dateMs: today + 1_000 })
  await until(() => memory.memoryOf(nginx).live?.digest === image('b').digest)
  t.equal(b.ledger.live(nginx)?.origin, a.id)
})

t.test('a rollback upstream seen by one side wins on both', async t => {
  const { lab, nodes, until } = await openSqliteLab(t, 2)
  const [a, b] = nodes
  if (a === undefined || b === undefined) throw new Error('two nodes')
  await answer(a.ledger, 'old', { dateMs: today })
  lab.clock.pass(hour)
  await answer(b.ledger, 'new', { dateMs: today + hour })
  lab.clock.pass(hour)
  await answer(a.ledger, 'old', { dateMs: today + 2 * hour })
  lab.link(a.id, b.id)
  await until(() =>
    nodes.every(({ ledger }) => ledger.live(nginx)?.stamp.wallMs === today + 2 * hour),
  )
  for (const { ledger } of nodes) t.match(ledger.live(nginx), { ...image('old'), origin: a.id })
})

t.test('a node that was off for a month brings nothing back', async t => {
  const { lab, nodes, until } = await openSqliteLab(t, 2)
  const [a, b] = nodes
  if (a === undefined || b === undefined) throw new Error('two nodes')
  await answer(a.ledger, 'of last month', { dateMs: today })
  lab.clock.pass(30 * 24 * hour)
  await answer(b.ledger, 'of today', { dateMs: today + 30 * 24 * hour })
  const found = keyOf('docker.io', 'library/found', '1')
  await answer(b.ledger, 'right', { dateMs: today + 30 * 24 * hour, key: found })
  // It starts by looking into containerd.
  await a.ledger.observeLocal(nginx, image('of last month'), 'containerd')
  await a.ledger.observeLocal(found, image('wrong'), 'containerd')
  lab.link(a.id, b.id)
  await until(() => a.ledger.live(nginx)?.digest === image('of today').digest)
  await until(() => a.ledger.live(found)?.digest === image('right').digest)
  t.match(b.ledger.live(nginx), image('of today'))
  t.match(b.ledger.live(found), image('right'))
})

t.test('details that this version does not know go on byte for byte', async t => {
  const { lab, nodes, until } = await openSqliteLab(t, 3)
  const [a, b, c] = nodes
  if (a === undefined || b === undefined || c === undefined) throw new Error('three nodes')
  const peer = makePeer()
  const fields = decode(peer.pin('p', today).body, { useMaps: true }) as unknown[]
  const details = fields[12] as Map<string, unknown>
  details.set('of a later version', [1, 2, 3])
  const body = encode(fields, rfc8949EncodeOptions)
  const record = { body, signature: peer.signer.sign(body) }
  t.strictSame(await a.records.apply([record]), ['applied'])
  lab.link(a.id, b.id)
  lab.link(b.id, c.id)
  await until(() => c.records.count() === 1)
  t.strictSame(
    c.replication.recordsOf(nginx).map(r => Buffer.from(r.body)),
    [Buffer.from(body)],
  )
  t.equal(formatTag(nginx), 'docker.io/library/nginx:latest')
})
