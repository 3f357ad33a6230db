import t, { type Test } from 'tap'
import { failure } from '../support/fake-upstream.ts'
import { makeImage } from '../support/image.ts'
import { watchWaiting } from '../support/waited.ts'
import { down, key, large, openMesh, until } from './mesh-nodes.support.ts'

const { signal } = new AbortController()

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
  const waitedMs = watchWaiting()
  t.match(await b.resolve(), { digest: large.digest, source: 'peer' })
  t.ok(performance.now() - beganMs >= 990, 'after a third of the time')
  t.ok(waitedMs() < 2_900)
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
    const waitedMs = watchWaiting()
    t.match(await b.resolve(), { found: false })
    t.ok(waitedMs() < 4_500)
    t.equal(b.ledger.live(key), undefined)
    t.equal(asked(), 1)
  }
})

t.test('a member that is silent costs one question its time, not each', async t => {
  const { lab, a, b, asked } = await openLiar(t, () => new Promise(() => {}))
  t.match(await b.resolve(), { found: false })
  lab.say(a.id, { state: 'alive' }) // it answers all else
  const waitedMs = watchWaiting()
  t.match(await b.resolve(), { found: false })
  t.ok(waitedMs() < 600)
  t.equal(asked(), 1)
})

t.test('where the first answers nonsense, the next one is asked at once', async t => {
  let isLying = false
  for (let tries = 0; tries < 30 && !isLying; tries += 1) {
    const { b, asked } = await openLiar(t, () => Buffer.from('nonsense'), ['c'])
    const waitedMs = watchWaiting()
    t.match(await b.resolve(), { found: true, digest: large.digest, source: 'peer' })
    isLying = asked() > 0
    t.ok(waitedMs() < 1_300, 'not after half of the time')
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

t.test('what is answered gets whole, unless all who ask leave that', async t => {
  const { lab, node } = await openMesh(t, ['a', 'b'])
  for (const at of [node(0), node(1)]) at.publish(large)
  for (const source of ['upstream', 'peer'] as const) {
    const asker = node(source === 'upstream' ? 0 : 1)
    if (source === 'peer') asker.loseUplink()
    lab.say(node(0).id, { upstreams: ['reg.test'] })
    const leaving = await asker.resolve('explain', { leavesRest: true })
    t.match(leaving, { found: true, digest: large.digest, source })
    t.equal(asker.incompleteImages(), 0, `${source}: nobody wants it`)
    await Promise.all([asker.resolve('explain', { leavesRest: true }), asker.resolve('HEAD')])
    t.equal(asker.incompleteImages(), 1, `${source}: somebody does`)
  }
})

t.test(
  'who asks the registry for another node leaves the rest of the image to that one',
  async t => {
    const { node } = await openMesh(t, ['a', 'b'])
    const [asked, asker] = [node(0), node(1)]
    asked.publish(large)
    asker.loseUplink()
    t.match(await asker.resolve('explain', { leavesRest: true }), {
      source: 'peer',
      saidBy: asked.id,
    })
    t.equal(asked.incompleteImages(), 0, 'nobody wants it')
    t.match(await asker.resolve(), { source: 'peer', saidBy: asked.id })
    t.equal(asker.incompleteImages(), 1)
    t.equal(asked.incompleteImages(), 0, 'no client of its own does')
  },
)
