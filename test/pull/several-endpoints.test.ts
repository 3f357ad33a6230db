import t, { type Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { makeSingleImage } from '../support/image.ts'
import { startRegistry } from '../support/registry.ts'
import type { Fault, Where } from '../support/registry-faults.ts'
import { startNode } from '../support/start-node.ts'

// A whole node before a mirror that fails and a registry that does not: who comes first must not keep from clients what comes after.

const image = makeSingleImage({ layers: [2_000_000] })
const [layer = image.config] = image.layers
const other = digestOf(Buffer.from('what nobody has'))

async function setUp(t: Test, mirrors = 1) {
  const images = { 'lab/app': { blobs: image.blobs, tags: new Map([['latest', image]]) } }
  const start = async () => {
    const registry = await startRegistry({ images })
    t.teardown(() => registry.close())
    return registry
  }
  const owner = await start()
  const endpoints = await Promise.all(Array.from({ length: mirrors }, start))
  const node = await startNode(owner, t.testdir(), {
    upstreams: { [owner.host]: { url: owner.url, endpoints: endpoints.map(({ url }) => url) } },
    store: { minFreeBytes: '1MiB', completeTags: false },
  })
  t.teardown(() => node.close())
  const [mirror = owner] = endpoints
  return {
    owner,
    mirror,
    endpoints,
    ask: node.ask,
    head: () => node.ask('lab/app/manifests/latest', { method: 'HEAD' }),
    learnSizes: async () =>
      void (await (await node.ask(`lab/app/manifests/${image.digest}`)).arrayBuffer()),
    /** What containerd does: what breaks off is continued, what is reset begins anew. */
    async pull(digest: string): Promise<{ bytes: Buffer; attempts: number }> {
      for (let attempts = 1; ; attempts += 1) {
        const answer = await node.ask(`lab/app/blobs/${digest}`)
        try {
          if (answer.ok) return { bytes: Buffer.from(await answer.arrayBuffer()), attempts }
        } catch {}
        if (attempts > 2) throw new Error(`not to be had: ${answer.status}`)
      }
    },
  }
}

const blob: Where = { kind: 'blob' }
const manifests: Where = { kind: ['manifest-tag', 'manifest-digest'] }
const faults: readonly (readonly [string, Fault])[] = [
  ['corrupt', { do: 'wrong-bytes' }],
  ['cut after nothing', { do: 'truncate', afterBytes: 0, with: 'fin' }],
  ['cut early in every body', { do: 'truncate', afterBytes: 50, with: 'fin' }],
  ['reset in every body', { do: 'truncate', afterBytes: 500_000, with: 'rst' }],
  ['of another size', { do: 'status', status: 200, body: 'not the blob' }],
]

for (const [what, fault] of faults) {
  for (const isSizeKnown of [true, false]) {
    const known = isSizeKnown ? 'known' : 'unknown'
    t.test(`a mirror's blobs are ${what}, sizes ${known}: the registry's come`, async t => {
      const { owner, mirror, pull, learnSizes } = await setUp(t)
      if (isSizeKnown) await learnSizes()
      const active = mirror.fault(fault, blob)
      const small = await pull(image.config.digest)
      t.ok(small.bytes.equals(image.config.bytes))
      t.equal(small.attempts, 1, 'within the same transfer')
      const large = await pull(layer.digest)
      t.ok(large.bytes.equals(layer.bytes))
      // Only where a client has wrong bytes already does it have to begin anew.
      if (fault.do !== 'wrong-bytes') t.equal(large.attempts, 1, 'within the same transfer')
      t.ok(active.hits > 1)
      t.ok(owner.count('blob') > 0)
    })
  }
}

t.test('a mirror that is corrupt and cut', async t => {
  const { mirror, pull } = await setUp(t)
  const wrong = mirror.fault({ do: 'wrong-bytes' }, blob)
  mirror.fault({ do: 'truncate', afterBytes: 1_500_000, with: 'fin' }, blob)
  const { bytes } = await pull(layer.digest)
  t.ok(bytes.equals(layer.bytes))
  t.ok(wrong.hits > 0)
})

t.test('four corrupt mirrors', async t => {
  const { endpoints, owner, pull } = await setUp(t, 4)
  const wrong = endpoints.map(mirror => mirror.fault({ do: 'wrong-bytes' }, blob))
  const { bytes } = await pull(image.config.digest)
  t.ok(bytes.equals(image.config.bytes))
  t.strictSame(
    wrong.map(({ hits }) => hits),
    [1, 1, 1, 1],
  )
  t.equal(owner.count('blob'), 1)
})

t.test('who lied about one blob is asked for others', async t => {
  const { owner, mirror, pull, learnSizes } = await setUp(t)
  await learnSizes()
  mirror.fault({ do: 'wrong-bytes' }, { ...blob, times: 1 })
  await pull(image.config.digest)
  t.equal(owner.count('blob'), 1)
  await pull(layer.digest)
  t.equal(owner.count('blob'), 1)
})

t.test('a mirror that names what it cannot deliver leaves the tag to the registry', async t => {
  const { mirror, head } = await setUp(t)
  const headers = { 'docker-content-digest': other }
  const lie = mirror.fault({ do: 'headers', headers }, manifests)
  const answer = await head()
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('docker-content-digest'), image.digest)
  t.equal(answer.headers.get('holdfast-source'), 'upstream')
  t.ok(lie.hits > 0)
})

const manifestFaults: readonly Fault[] = [
  { do: 'wrong-bytes' },
  { do: 'portal', status: 200 },
  { do: 'status', status: 404, code: 'MANIFEST_UNKNOWN' },
  { do: 'status', status: 200 },
  { do: 'truncate', afterBytes: 10, with: 'fin' },
  { do: 'headers', headers: { 'docker-content-digest': 'sha256:none' } },
]
for (const fault of manifestFaults) {
  t.test(`a mirror's manifests that meet ${JSON.stringify(fault)}`, async t => {
    const { mirror, head, ask } = await setUp(t)
    const active = mirror.fault(fault, manifests)
    const answer = await head()
    t.equal(answer.headers.get('docker-content-digest'), image.digest)
    const manifest = await ask(`lab/app/manifests/${image.digest}`)
    t.ok(image.bytes.equals(Buffer.from(await manifest.arrayBuffer())))
    t.ok(active.hits > 0)
  })
}
