import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { createGivenDigests } from '../../src/pull/given-digests.ts'
import { key } from '../support/ladder-parts.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'
import { createMovableClock } from '../support/movable-clock.ts'

function setUp() {
  const clock = createMovableClock(Date.parse('2026-06-01T12:00:00Z'))
  const ledger = createMemoryLedger({ clock })
  return { clock, ledger, given: createGivenDigests({ ledger, clock }) }
}

const target = (text: string) => ({
  digest: digestOf(Buffer.from(text)),
  mediaType: 'application/vnd.oci.image.index.v1+json',
  size: text.length,
})

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

t.test('who fetched the manifest did not hold it', async t => {
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
