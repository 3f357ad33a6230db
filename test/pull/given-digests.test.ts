import t from 'tap'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import type { ImageManifest } from '../../src/oci/manifest.ts'
import { createGivenDigests } from '../../src/pull/given-digests.ts'
import { key } from '../support/ladder-parts.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'
import { createMovableClock } from '../support/movable-clock.ts'

function setUp() {
  const clock = createMovableClock(Date.parse('2026-06-01T12:00:00Z'))
  const ledger = createMemoryLedger({ clock })
  const graph = {
    ancestors: (digest: Digest) => new Set(above.get(digest)),
    parents: (digest: Digest) => new Set(above.get(digest)),
    manifest: (digest: Digest) => ({ digest, mediaType: manifest.mediaType, content: manifest }),
  }
  return { clock, ledger, given: createGivenDigests({ ledger, graph, clock }) }
}

const target = (text: string) => ({
  digest: digestOf(Buffer.from(text)),
  mediaType: 'application/vnd.oci.image.index.v1+json',
  size: text.length,
})

const layer = digestOf(Buffer.from('layer'))
const config = digestOf(Buffer.from('config'))
const descriptor = (digest: Digest) => ({ mediaType: 'application/octet-stream', digest, size: 1 })
const manifest: ImageManifest = {
  kind: 'image',
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: descriptor(config),
  layers: [descriptor(layer)],
}
const above = new Map([layer, config].map(blob => [blob, [target('one').digest]]))

t.test('who was given a digest and did not fetch its manifest within 30 s holds it', async t => {
  const { clock, ledger, given } = setUp()
  given.given(key, target('one'))
  clock.pass(29_999)
  given.settle()
  t.equal(ledger.heldByClients(key), undefined, 'it may still come')
  clock.pass(1)
  given.settle()
  t.same(ledger.heldByClients(key), target('one'))
})

t.test('who fetched the manifest alone did not hold it', async t => {
  const { clock, ledger, given } = setUp()
  given.given(key, target('one'))
  given.fetched(target('one').digest)
  clock.pass(60_000)
  given.settle()
  t.equal(ledger.heldByClients(key), undefined)
})

t.test('the newest digest that was enough by itself counts', async t => {
  const { clock, ledger, given } = setUp()
  given.given(key, target('one'))
  clock.pass(30_000)
  given.settle()
  given.given(key, target('two'))
  clock.pass(30_000)
  given.settle()
  t.same(ledger.heldByClients(key), target('two'))
})

t.test('asking again does not put it off', async t => {
  const { clock, ledger, given } = setUp()
  for (let second = 0; second <= 30; second += 10) {
    given.given(key, target('one'))
    clock.pass(10_000)
    given.settle()
  }
  t.same(ledger.heldByClients(key), target('one'))
})

t.test('who got all blobs that he asked for and asks for no other holds the rest', async t => {
  const { clock, ledger, given } = setUp()
  given.given(key, target('one'))
  given.fetched(target('one').digest)
  given.asked(config)(true)
  const sent = given.asked(layer)
  clock.pass(60_000)
  given.settle()
  t.equal(ledger.heldByClients(key), undefined, 'one is still being sent')
  sent(true)
  clock.pass(4_999)
  given.settle()
  t.equal(ledger.heldByClients(key), undefined, 'another may still be asked for')
  clock.pass(1)
  given.settle()
  t.same(ledger.heldByClients(key), target('one'))
})

t.test('who did not get a blob does not hold the image', async t => {
  const { clock, ledger, given } = setUp()
  given.given(key, target('one'))
  given.fetched(target('one').digest)
  const sent = given.asked(config)
  given.asked(layer)(false)
  sent(true)
  clock.pass(60_000)
  given.settle()
  t.equal(ledger.heldByClients(key), undefined)
})

t.test(
  'who goes on with a pull that broke off asks for no manifest, and holds the image once it has the rest',
  async t => {
    const { clock, ledger, given } = setUp()
    given.given(key, target('one'))
    const sent = given.asked(layer)
    clock.pass(60_000)
    given.settle()
    t.equal(ledger.heldByClients(key), undefined, 'it lacked a blob')
    sent(true)
    clock.pass(5_000)
    given.settle()
    t.same(ledger.heldByClients(key), target('one'))
  },
)

t.test('who was sent the configuration alone may only have looked', async t => {
  const { clock, ledger, given } = setUp()
  given.given(key, target('one'))
  given.fetched(target('one').digest)
  given.asked(config)(true)
  clock.pass(5_000)
  given.settle()
  t.equal(ledger.heldByClients(key), undefined)
})

t.test('a blob of another image says nothing', async t => {
  const { clock, ledger, given } = setUp()
  given.given(key, target('two'))
  given.fetched(target('two').digest)
  given.asked(layer)(true)
  clock.pass(5_000)
  given.settle()
  t.equal(ledger.heldByClients(key), undefined)
})

t.test('a look at the manifest alone is forgotten, and the next question begins anew', async t => {
  const { clock, ledger, given } = setUp()
  given.given(key, target('one'))
  given.fetched(target('one').digest)
  clock.pass(30_000)
  given.settle()
  given.given(key, target('one'))
  clock.pass(30_000)
  given.settle()
  t.same(ledger.heldByClients(key), target('one'))
})
