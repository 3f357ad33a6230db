import t from 'tap'
import { createPeerSource, type PeerSourceParts } from '../../src/pull/peer-source.ts'

const parts = { book: { raceAfterMs: () => 50 } } as unknown as PeerSourceParts
const id = 'ab'.repeat(32)

const racedAfterMs = (relay: boolean, size?: number): number | undefined =>
  createPeerSource(parts, id, { relay, priority: () => 'pull', firstByteMs: 5_000, size })
    .raceAfterMs

t.test('who fetches for all is given the longer the larger the blob is', async t => {
  t.equal(racedAfterMs(true), 300)
  t.equal(racedAfterMs(true, 1_000_000), 320)
  t.equal(racedAfterMs(true, 50_000_000), 1_300)
  t.equal(racedAfterMs(true, 10_000_000_000), 2_000)
})

t.test('a holder is raced by what is usual for it', async t => {
  t.equal(racedAfterMs(false, 50_000_000), 50)
})
