import t, { type Test } from 'tap'
import { failure } from '../support/fake-upstream.ts'
import { makeImage } from '../support/image.ts'
import { down, gossip, key, large, openMesh, until, type Written } from './mesh-nodes.support.ts'

const { signal } = new AbortController()

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
  t.equal(b.upstream.asked.length, 0)
})

t.test(
  'slow holders are waited for as long as the deadline allows, and are known then',
  async t => {
    const { lab, node } = await outage(t, ['a', 'b', 'c'], {
      store: { completeTags: false, minFreeBytes: 1 },
    })
    for (const other of [node(0), node(2)]) lab.faultsOf(other.id).delayMs = 350
    t.match(await node(1).resolve(), { found: true, digest: large.digest })
    const beganMs = performance.now()
    t.match(await node(1).resolve(), { found: true, digest: large.digest })
    t.ok(performance.now() - beganMs < 300, 'told from what was found out')
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
  const beganMs = performance.now()
  t.match(await node(1).resolve(), { found: false })
  t.ok(performance.now() - beganMs < 900)
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
    const beganMs = performance.now()
    t.match(await node(1).resolve(), { found: false })
    t.ok(performance.now() - beganMs < 900)
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

t.test('one uplink serves the cluster: tag, manifests and blobs', async t => {
  const { node } = await openMesh(t, ['a', 'b'], {
    store: { completeTags: false, minFreeBytes: 1 },
  })
  const [a, b] = [node(0), node(1)]
  a.publish(large)
  b.loseUplink()
  const answer = await b.resolve()
  t.match(answer, { found: true, digest: large.digest, source: 'peer', saidBy: a.id, fresh: true })
  t.equal(b.ledger.live(key)?.digest, large.digest)
  t.strictSame(await b.pull(large, large.digest), [])
  t.equal(b.upstream.asked.length, 0)
  const moved = makeImage({ salt: 'two' })
  a.publish(moved)
  t.match(await b.resolve(), { digest: moved.digest, source: 'peer' })
})

t.test('an uplink that is silent is not waited for when another answers', async t => {
  const { node } = await openMesh(t, ['a', 'b'])
  const [a, b] = [node(0), node(1)]
  a.publish(large)
  b.upstream.answer('resolveTag', () => new Promise(() => {}))
  const beganMs = performance.now()
  t.match(await b.resolve(), { digest: large.digest, source: 'peer' })
  const tookMs = performance.now() - beganMs
  t.ok(tookMs >= 990 && tookMs < 2_900, `after a third of the time: ${tookMs}`)
})

t.test('nodes whose disks are slow bridge a silent uplink as fast', async t => {
  const { lab, node } = await openMesh(t, ['a', 'b'])
  const [a, b] = [node(0), node(1)]
  a.publish(large)
  b.upstream.answer('resolveTag', () => new Promise(() => {}))
  const release = [a, b].map(each => each.holdDisk())
  t.match(await b.resolve(), { digest: large.digest, source: 'peer' })
  for (const { store } of [a, b]) {
    t.equal(store.stat(large.digest), undefined, 'answered before it was stored')
  }
  t.match(await b.manifests.get(key, large.digest, signal), { bytes: large.bytes })
  const questions = lab.asked.filter(({ what }) => what === `manifest ${large.digest}`)
  t.equal(questions.length, 1, 'nor is it asked for again')
  for (const go of release) go()
  for (const { store } of [a, b]) await until(() => store.stat(large.digest) !== undefined)
})

t.test('while the own uplink answers, no other node is asked', async t => {
  const { lab, node } = await openMesh(t, ['a', 'b'])
  for (const each of [node(0), node(1)]) each.publish(large)
  t.match(await node(1).resolve(), { source: 'upstream' })
  t.notOk(lab.asked.some(({ what }) => what === 'call resolve'))
})

t.test('offline, and where it is switched off, no other node is asked for a tag', async t => {
  const { lab, node } = await openMesh(t, ['a', 'b'], { resolve: { askPeers: false } })
  node(0).publish(large)
  node(1).loseUplink()
  t.match(await node(1).resolve(), { found: false })
  node(0).state.mode = 'offline'
  t.notOk(lab.asked.some(({ what }) => what === 'call resolve'))
})

t.test('what the registry refused another node is told as that', async t => {
  const { node } = await openMesh(t, ['a', 'b'])
  node(1).loseUplink()
  node(0).upstream.answer('resolveTag', () => Promise.reject(failure('denied')))
  t.match(await node(1).resolve(), { found: false, failure: 'denied', reason: /deny/ })
})

/** Two nodes: the first changes what it answers for tags, the second has no uplink. */
async function openLiar(
  t: Test,
  lie: (word: Uint8Array) => Uint8Array | Promise<Uint8Array>,
  others: readonly string[] = [],
) {
  const { lab, node } = await openMesh(t, ['a', 'b', ...others])
  const [a, b] = [node(0), node(1)]
  for (const each of [a, ...others.map((_, at) => node(at + 2))]) each.publish(large)
  b.loseUplink()
  const answers = new Map(a.forPeers?.answers)
  const honest = answers.get('resolve')
  let asked = 0
  answers.set('resolve', async (...question) => {
    const word = (await honest?.(...question)) ?? new Uint8Array()
    asked += 1
    return lie(word)
  })
  lab.serve(a.id, { ...a.forPeers, answers })
  return { lab, a, b, asked: () => asked }
}

t.test('wrong, unsigned, slow and failing answers are passed over', async t => {
  const lies: ((word: Uint8Array) => Uint8Array | Promise<Uint8Array>)[] = [
    () => Buffer.from('nonsense'),
    () => new Uint8Array(),
    word => word.with(word.length - 20, (word[word.length - 20] ?? 0) ^ 1), // in the signature
    word => word.with(40, (word[40] ?? 0) ^ 1), // in what was signed
    () => Promise.reject(new Error('inside')),
    () => new Promise(() => {}),
  ]
  for (const lie of lies) {
    const { b, asked } = await openLiar(t, lie)
    const beganMs = performance.now()
    t.match(await b.resolve(), { found: false })
    t.ok(performance.now() - beganMs < 4_500)
    t.equal(b.ledger.live(key), undefined)
    t.equal(asked(), 1)
  }
})

t.test('a member that is silent costs one question its time, not each', async t => {
  const { lab, a, b, asked } = await openLiar(t, () => new Promise(() => {}))
  t.match(await b.resolve(), { found: false })
  lab.say(a.id, { state: 'alive' }) // it answers all else
  const beganMs = performance.now()
  t.match(await b.resolve(), { found: false })
  t.ok(performance.now() - beganMs < 600)
  t.equal(asked(), 1)
})

t.test('where the first answers nonsense, the next one is asked at once', async t => {
  let isLying = false
  for (let tries = 0; tries < 8 && !isLying; tries += 1) {
    const { b, asked } = await openLiar(t, () => Buffer.from('nonsense'), ['c'])
    const beganMs = performance.now()
    t.match(await b.resolve(), { found: true, digest: large.digest, source: 'peer' })
    isLying = asked() > 0
    t.ok(performance.now() - beganMs < 1_300, 'not after half of the time')
  }
  t.ok(isLying, 'the liar was asked first')
})

t.test('a question is never handed on', async t => {
  const { lab, node } = await openMesh(t, ['a', 'b', 'c'])
  node(2).publish(large)
  node(0).loseUplink()
  node(1).upstream.setReach('reg.test', down) // and does not know it yet: others think it reaches it
  lab.say(node(2).id, { upstreams: [] })
  t.match(await node(0).resolve(), { found: false })
  t.strictSame(
    lab.asked.filter(({ what }) => what === 'call resolve').map(({ to }) => to),
    [node(1).id],
  )
})
