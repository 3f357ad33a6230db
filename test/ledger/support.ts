import fc from 'fast-check'
import { encodeRecord } from '../../src/ledger/encode-record.ts'
import type { LedgerRecord, ObservationSource } from '../../src/ledger/record.ts'
import { digestOf } from '../../src/oci/digest.ts'

/** The key of all records made here. */
export const key = 'docker.io/library/nginx:latest'

/** A made-up origin. */
export const originOf = (n: number): string => n.toString(16).padStart(2, '0').repeat(32)

/** A made-up image: the same name has the same digest. */
export const image = (name: string) => ({
  digest: digestOf(Buffer.from(name)),
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  size: 100,
})

/** An observation with the bytes its node would have signed. */
export function observation(
  wallMs: number,
  counter: number,
  origin: string,
  name: string,
  source: ObservationSource = 'upstream',
): LedgerRecord {
  const record: LedgerRecord = {
    kind: 'observation',
    key,
    target: image(name),
    stamp: { wallMs, counter },
    source,
    origin,
    removed: false,
    details: {},
    signed: undefined,
  }
  const body = encodeRecord(record, '')
  return { ...record, signed: { body, signature: new Uint8Array(64) } }
}

/** Records that meet: few walls, counters, origins and images, so that ties of every length come up. */
export const meetingRecords: fc.Arbitrary<LedgerRecord> = fc
  .tuple(
    fc.constantFrom(0, 1_000, 1_001, 2 ** 41, 2 ** 48),
    fc.constantFrom(0, 1, 2, 0xffff),
    fc.integer({ min: 0, max: 5 }),
    fc.constantFrom('a', 'b', 'c'),
    fc.constantFrom<ObservationSource>('upstream', 'push'),
  )
  .map(([wallMs, counter, origin, name, source]) =>
    observation(wallMs, counter, originOf(origin), name, source),
  )
