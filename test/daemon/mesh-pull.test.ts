import t, { type Test } from 'tap'
import { watchWaiting } from '../support/waited.ts'
import { gossip, key, large, openMesh, until, type Written } from './mesh-nodes.support.ts'

/** An image that its first node pulled while it had an uplink; now nobody has one. */
async function outage(t: Test, names: readonly string[], written?: Written) {
  const mesh = await openMesh(t, names, written)
  const first = mesh.node(0)
  first.publish(large)
  await first.resolve()
  await first.fill(large)
  for (const node of mesh.nodes) node.loseUplink()
  await gossip(first, mesh.nodes.slice(1))
  return mesh
}

t.test('a tag that only another node holds is answered and pulled without an uplink', async t => {
  const { node } = await outage(t, ['a', 'b', 'c'])
  const b = node(1)
  t.match(await b.resolve(), {
    found: true,
    digest: large.digest,
    source: 'ledger',
    reason: /other nodes hold/,
    ageSeconds: Number,
  })
  t.strictSame(await b.pull(large, large.digest), [])
  await until(() => b.completeness.isComplete(large.digest))
  t.match(await b.resolve(), { digest: large.digest, source: 'ledger' })
  const asked = b.upstream.asked.map(({ question, about }) => `${question} ${about}`)
  t.strictSame(asked, [])
})

t.test(
  'slow holders are waited for as long as the deadline allows, and are known then',
  async t => {
    const { lab, node } = await outage(t, ['a', 'b', 'c'], {
      store: { completeTags: false, minFreeBytes: 1 },
    })
    for (const other of [node(0), node(2)]) lab.faultsOf(other.id).delayMs = 350
    t.match(await node(1).resolve(), { found: true, digest: large.digest })
    const waitedMs = watchWaiting()
    t.match(await node(1).resolve(), { found: true, digest: large.digest })
    t.ok(waitedMs() < 300, 'told from what was found out')
  },
)

t.test('what was answered out of other nodes becomes complete here', async t => {
  const { node } = await outage(t, ['a', 'b'])
  t.match(await node(1).resolve(), { found: true })
  await until(() => node(1).completeness.isComplete(large.digest))
})

t.test('a holder that lost a layer is not offered: what it alone has is a clear 404', async t => {
  const { node } = await outage(t, ['a', 'b', 'c'], {
    store: { completeTags: false, minFreeBytes: 1 },
  })
  const [layer] = large.for('linux/amd64').layers
  if (layer === undefined) throw new Error('no layer')
  await node(0).store.delete(layer.digest)
  const waitedMs = watchWaiting()
  t.match(await node(1).resolve(), { found: false })
  t.ok(waitedMs() < 900)
  await node(2).store.put(layer.digest, layer.bytes)
  let answer = await node(1).resolve()
  while (!answer.found) answer = await node(1).resolve()
  t.match(answer, { digest: large.digest }, 'the two together have all of it')
  t.strictSame(await node(1).pull(large, large.digest), [])
})

t.test('every node of one reach answers with one and the same digest', async t => {
  const mesh = await outage(t, ['a', 'b', 'c', 'd'])
  const answers = await Promise.all(mesh.nodes.map(node => node.resolve()))
  for (const answer of answers) t.match(answer, { found: true, digest: large.digest })
})

t.test(
  'when every holder has gone, it is told at once, and when one is back it is served',
  async t => {
    const { lab, node } = await outage(t, ['a', 'b', 'c'], {
      store: { completeTags: false, minFreeBytes: 1 },
    })
    t.match(await node(1).resolve(), { found: true })
    lab.kill(node(0).id)
    t.notSame(await node(1).pull(large, large.digest), [])
    const waitedMs = watchWaiting()
    t.match(await node(1).resolve(), { found: false })
    t.ok(waitedMs() < 900)
    lab.faultsOf(node(0).id).dead = false
    lab.say(node(0).id, { state: 'alive' })
    let answer = await node(1).resolve()
    while (!answer.found) answer = await node(1).resolve()
    t.match(answer, { digest: large.digest })
  },
)

t.test('a pin of what only another node holds is answered', async t => {
  const { node } = await outage(t, ['a', 'b'])
  await node(1).ledger.setPin(key, large, {})
  t.match(await node(1).resolve('GET'), { found: true, source: 'pin', digest: large.digest })
})
