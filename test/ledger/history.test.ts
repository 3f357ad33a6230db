import t from 'tap'
import { latest, maxDigests, mergeSighting, type Sighting } from '../../src/ledger/history.ts'
import { maxOrigins } from '../../src/ledger/merge.ts'
import { image, originOf } from './support.ts'

function sighting(name: string, wallMs: number, details: Partial<Sighting> = {}): Sighting {
  return {
    target: image(name),
    origin: originOf(1),
    source: 'upstream',
    stamp: { wallMs, counter: 0 },
    firstSeenMs: wallMs,
    lastSeenMs: wallMs,
    confirmedMs: undefined,
    ...details,
  }
}

const merge = (sightings: readonly Sighting[], live?: Sighting) =>
  sightings.reduce<readonly Sighting[]>(
    (held, seen) => mergeSighting(held, seen, live?.target.digest),
    [],
  )

t.test('a digest seen again is one sighting that grew', async t => {
  const again = sighting('a', 20, { confirmedMs: 20, source: 'push' })
  t.strictSame(merge([sighting('a', 10, { confirmedMs: 15 }), again]), [
    { ...again, firstSeenMs: 10, lastSeenMs: 20, confirmedMs: 20 },
  ])
})

t.test('an older sighting that arrives late takes nothing back', async t => {
  const newer = sighting('a', 20, { confirmedMs: 20 })
  t.strictSame(merge([newer, sighting('a', 10)]), [{ ...newer, firstSeenMs: 10 }])
})

t.test('what two origins saw is kept apart', async t => {
  const seen = [sighting('a', 10), sighting('a', 20, { origin: originOf(2) })]
  t.equal(merge(seen).length, 2)
})

t.test('the ten newest digests are kept, and the live one whatever its age', async t => {
  const live = sighting('live', 1)
  const others = Array.from({ length: 14 }, (_, i) => sighting(`v${i}`, 100 + i))
  const names = merge([live, ...others], live).map(seen => seen.target.digest)
  t.equal(names.length, maxDigests)
  t.ok(names.includes(live.target.digest))
  t.notOk(names.includes(image('v4').digest))
  t.ok(names.includes(image('v5').digest))
})

t.test('of one digest three origins are kept, and whoever confirmed it', async t => {
  const own = sighting('a', 1, { confirmedMs: 1 })
  const others = [2, 3, 4, 5].map(n => sighting('a', n, { origin: originOf(n) }))
  const origins = merge([own, ...others]).map(seen => seen.origin)
  t.strictSame(origins, [...[5, 4, 3].map(originOf), own.origin])
  t.equal(maxOrigins, 3)
})

t.test('the later of two times may miss either', async t => {
  t.equal(latest(undefined, undefined), undefined)
  t.equal(latest(3, undefined), 3)
  t.equal(latest(undefined, 4), 4)
  t.equal(latest(5, 4), 5)
})
