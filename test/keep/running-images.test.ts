import t from 'tap'
import { createListRunning, createPodsAnswer, podsSubject } from '../../src/keep/running-images.ts'
import { noPods, type Pods } from '../../src/keep/watch-pods.ts'
import { encodeCbor } from '../../src/ledger/cbor.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { PeerFailure } from '../../src/ports/peer-port.ts'

const d = (text: string) => digestOf(Buffer.from(text))
const { signal } = new AbortController()
const web = 'docker.io/library/web:1'
const named = `registry.lab/tool@${d('tool')}`

type Run = readonly (readonly [image: string, salt: string | undefined, unseenMs?: number])[]

/** Pods of a node that runs these images. */
const podsOf = (
  run: Run,
  state: Pods['state'] = () => ({ state: 'seen', failure: undefined }),
): Pods => ({
  ...noPods,
  state,
  containers: () =>
    run.map(([image, salt, unseenMs = 0], at) => ({
      namespace: 'default',
      pod: `pod-${at}`,
      container: 'main',
      images: [image],
      digest: salt === undefined ? undefined : d(salt),
      firstMs: 0,
      lastMs: 0,
      unseenMs,
    })),
})

/** This node and others, each with what it answers. */
const list = (here: Pods, others: Readonly<Record<string, Pods | Uint8Array | PeerFailure>> = {}) =>
  createListRunning({
    self: { id: 'a', name: 'bridge' },
    pods: here,
    others: () => Object.keys(others).map(id => ({ id, name: `node ${id}` })),
    client: {
      async call(id, subject, question, { signal: ending }) {
        t.equal(subject, podsSubject)
        const other = others[id]
        if (other === undefined || other instanceof PeerFailure) throw other
        if (other instanceof Uint8Array) return other
        return createPodsAnswer(other)(question, 'a', ending)
      },
    },
  })(signal)

t.test('every node is asked, and each image told once with all that runs of it', async t => {
  const { images, nodes } = await list(
    podsOf([
      [web, 'old'],
      [web, 'old'],
      ['docker.io/library/ended:1', 'x', 1],
    ]),
    {
      b: podsOf([
        [web, 'new'],
        [named, 'tool'],
      ]),
      c: podsOf([['a.lab/unknown:1', undefined]]),
    },
  )
  t.strictSame(images, [
    { name: 'a.lab/unknown:1', digests: [], nodes: ['c'] },
    { name: web, digests: [d('old'), d('new')], nodes: ['a', 'b'] },
    { name: named, digests: [d('tool')], nodes: ['b'] },
  ])
  t.strictSame(nodes, [
    { id: 'a', name: 'bridge', state: 'seen', failure: undefined },
    { id: 'b', name: 'node b', state: 'seen', failure: undefined },
    { id: 'c', name: 'node c', state: 'seen', failure: undefined },
  ])
})

t.test('whoever does not know, or does not answer sensibly, is told as that', async t => {
  const unseen = podsOf([[web, 'old']], () => ({ state: 'unseen', failure: 'no containerd' }))
  const rows = (row: unknown) => encodeCbor(['seen', null, [row]])
  const { images, nodes } = await list(noPods, {
    b: unseen,
    c: new PeerFailure('timeout', 'silent'),
    d: Buffer.from('nonsense'),
    e: rows(['not a name', null]),
    f: rows('no row'),
    g: encodeCbor(['asleep', null, []]),
  })
  t.strictSame(
    nodes.map(({ state, failure }) => [state, failure]),
    [
      ['off', undefined],
      ['unseen', 'no containerd'],
      ...Array.from({ length: 5 }, () => ['silent', undefined]),
    ],
  )
  t.match(images, [{ name: web, nodes: ['b'] }], 'what ran when it was seen last')
})

t.test('a node looks before it tells, and tells what it knows where the look hangs', async t => {
  let looks = 0
  const looking: Pods = {
    ...podsOf([[web, 'old']]),
    async look() {
      looks += 1
    },
  }
  await list(looking)
  t.equal(looks, 1)
  const hanging: Pods = { ...podsOf([[web, 'old']]), look: () => new Promise(() => {}) }
  t.match(await list(hanging), { images: [{ name: web }] })
})
