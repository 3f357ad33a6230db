import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import t from 'tap'
import {
  decodeRecord,
  encodeRecord,
  kindNumbers,
  maxRecordBytes,
  sourceNumbers,
} from '../../src/ledger/encode-record.ts'
import { type LedgerRecord, maxValueBytes } from '../../src/ledger/record.ts'
import { image, key, observation, originOf } from './support.ts'

const signature = new Uint8Array(64)
const read = (body: Uint8Array, cluster = 'c') => decodeRecord({ body, signature }, cluster)

const pin: LedgerRecord = {
  kind: 'pin',
  key,
  target: image('a'),
  stamp: { wallMs: 1_700_000_000_000, counter: 3 },
  source: undefined,
  origin: originOf(7),
  removed: false,
  details: {
    note: 'für unterwegs',
    author: 'ann',
    expiresAtMs: 1_800_000_000_000,
    over: { wallMs: 5, counter: 1 },
  },
  signed: undefined,
}

/** The fields of a record as an array, to be bent and encoded again. */
function bend(record: LedgerRecord, change: (fields: unknown[]) => void): Uint8Array {
  const fields: unknown = decode(encodeRecord(record, 'c'), { useMaps: true })
  if (!Array.isArray(fields)) throw new Error('not an array')
  change(fields)
  return encode(fields, rfc8949EncodeOptions)
}

t.test('what is encoded is decoded', async t => {
  const tombstone = { ...pin, target: undefined, removed: true }
  const use: LedgerRecord = { ...pin, kind: 'use', target: undefined, details: {} }
  const ban: LedgerRecord = { ...use, kind: 'ban', key: originOf(3) }
  const block: LedgerRecord = { ...use, kind: 'block', key: image('b').digest }
  for (const record of [pin, tombstone, use, ban, block, observation(1, 2, originOf(1), 'x')]) {
    const body = encodeRecord(record, 'c')
    const decoded = read(body)
    t.match(decoded, { ...record, signed: { body } }, record.kind)
  }
})

t.test('the same record has the same bytes, and they do not change between versions', async t => {
  t.strictSame(encodeRecord(pin, 'c'), encodeRecord({ ...pin, details: { ...pin.details } }, 'c'))
  t.equal(
    Buffer.from(encodeRecord(observation(5, 1, originOf(1), 'a'), 'c')).toString('hex'),
    [
      `8d01616301781e${Buffer.from(key).toString('hex')}`,
      `7847${Buffer.from(image('a').digest).toString('hex')}`,
      `782a${Buffer.from(image('a').mediaType).toString('hex')}`,
      '1864', // 100 bytes
      '0501', // the stamp
      '01', // upstream
      `5820${originOf(1)}`,
      'f4a0', // not removed, no details
    ].join(''),
  )
})

t.test('kinds and sources keep their numbers', async t => {
  t.strictSame(kindNumbers, {
    observation: 1,
    pin: 2,
    ban: 3,
    use: 4,
    keep: 5,
    warm: 6,
    setting: 7,
    block: 8,
    forget: 9,
    share: 10,
    running: 11,
  })
  t.strictSame(sourceNumbers, { upstream: 1, push: 2, import: 3, containerd: 4 })
})

t.test('extensions of later versions are accepted and stay in the bytes', async t => {
  const body = bend(pin, fields => {
    const details = fields[12]
    if (details instanceof Map) details.set('zzz', new Map([['inner', [1, 2.5, null]]]))
    fields.push('one more', { of: 'a later version' })
  })
  const decoded = read(body)
  t.match(decoded, { kind: 'pin', details: pin.details, signed: { body } })
})

t.test('a later version and another cluster are told apart', async t => {
  t.equal(read(bend(pin, fields => fields.splice(0, 1, 2))), 'version')
  t.equal(read(bend(pin, fields => fields.splice(2, 1, 99))), 'version', 'a kind added later')
  t.equal(read(encodeRecord(pin, 'c'), 'another'), 'cluster')
})

t.test('a field out of its range is malformed', async t => {
  const bends: Record<string, (fields: unknown[]) => void> = {
    'a kind that is none': f => f.splice(2, 1, -1),
    'no key': f => f.splice(3, 1, ''),
    'key without a tag': f => f.splice(3, 1, 'docker.io/library/nginx'),
    'key that is not canonical': f => f.splice(3, 1, 'nginx:latest'),
    'key with a digest': f => f.splice(3, 1, `${key}@${image('a').digest}`),
    'no digest': f => f.splice(4, 1, 'sha256:abc'),
    'upper-case digest': f => f.splice(4, 1, image('a').digest.toUpperCase()),
    'no media type': f => f.splice(5, 1, 7),
    'endless media type': f => f.splice(5, 1, 'x'.repeat(300)),
    'negative size': f => f.splice(6, 1, -1),
    'fractional size': f => f.splice(6, 1, 1.5),
    'type without a digest': f => f.splice(4, 1, null),
    'negative wall': f => f.splice(7, 1, -1),
    'wall beyond safe integers': f => f.splice(7, 1, 2n ** 60n),
    'counter beyond 16 bits': f => f.splice(8, 1, 0x10000),
    'short origin': f => f.splice(10, 1, new Uint8Array(31)),
    'removed is no boolean': f => f.splice(11, 1, 1),
    'a pin both removed and set': f => f.splice(11, 1, true),
    'details are no map': f => f.splice(12, 1, []),
    'missing details': f => f.splice(12, 1),
  }
  for (const [name, change] of Object.entries(bends)) {
    t.equal(read(bend(pin, change)), 'malformed', name)
  }
  const unsourced = bend(observation(1, 1, originOf(1), 'a'), f => f.splice(9, 1, null))
  t.equal(read(unsourced), 'malformed', 'an observation without a source')
})

t.test('bytes that are not deterministically encoded are malformed', async t => {
  const body = encodeRecord(pin, 'c')
  const longVersion = Buffer.concat([Buffer.from('8d1801', 'hex'), body.subarray(2)])
  t.equal(read(longVersion), 'malformed', 'a number longer than needed')
  t.equal(read(Buffer.concat([body, Buffer.from([0])])), 'malformed', 'bytes behind the end')
  const indefinite = Buffer.concat([Buffer.from([0x9f]), body.subarray(1), Buffer.from([0xff])])
  t.equal(read(indefinite), 'malformed', 'an array without a length')
  const fields: unknown = decode(body, { useMaps: true })
  const unsorted = encode(fields, { mapSorter: (a, b) => -rankOf(a) + rankOf(b) })
  t.equal(unsorted.length, body.length, 'the same fields')
  t.equal(read(unsorted), 'malformed', 'details in another order')
  const wide = bend(pin, f => f.push(1.5))
  t.match(read(wide), { kind: 'pin' })
  const wider = Buffer.concat([wide.subarray(0, -3), Buffer.from('fa3fc00000', 'hex')])
  t.equal(read(wider), 'malformed', 'a float longer than needed')
})

/** The first byte of a map's key, so that keys can be put in an order that is not theirs. */
function rankOf(entry: readonly unknown[]): number {
  const [key] = entry
  return key !== null && typeof key === 'object' && 'value' in key
    ? String(key.value).charCodeAt(0)
    : 0
}

t.test('no bytes make it throw', async t => {
  const body = encodeRecord(pin, 'c')
  for (let i = 0; i < body.length; i++) t.type(read(body.subarray(0, i)), 'string')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      read(bytes)
    }),
  )
  fc.assert(
    fc.property(fc.nat(body.length - 1), fc.nat(255), (at, byte) => {
      const bent = Buffer.from(body)
      bent[at] = byte
      read(bent)
    }),
  )
})

t.test(
  'jobs, settings and words of nodes about themselves carry a value, also a long one, and no other kind a long text',
  async t => {
    const value = 'ü'.repeat(maxValueBytes / 2)
    const origin = originOf(7)
    const bare = { ...pin, target: undefined, origin }
    const keys = {
      warm: 'job-1',
      setting: 'mode',
      share: `job-1/${origin}`,
      running: origin,
    } as const
    for (const kind of ['warm', 'setting', 'share', 'running'] as const) {
      const record = { ...bare, kind, key: keys[kind], details: { author: 'ann', value } }
      t.match(read(encodeRecord(record, 'c')), { kind, details: { author: 'ann', value } }, kind)
    }
    const keep = { ...bare, kind: 'keep', key: 'a.lan/**', details: { value } } as const
    t.throws(() => encodeRecord(keep, 'c'), RangeError)
    const bent = bend({ ...keep, details: {} }, f => f.splice(12, 1, new Map([['value', value]])))
    t.equal(read(bent), 'too-large')
    const job = { ...bare, kind: 'warm', key: 'job-1', details: {} } as const
    const odd = bend(job, f => f.splice(12, 1, new Map([['value', 7]])))
    t.match(read(odd), { kind: 'warm', details: { value: undefined } }, 'of a later version')
  },
)

t.test("a node says nothing of another node's share", async t => {
  const share = { ...pin, kind: 'share', target: undefined, details: {} } as const
  t.match(read(encodeRecord({ ...share, key: `job-1/${originOf(7)}` }, 'c')), { kind: 'share' })
  t.equal(read(encodeRecord({ ...share, key: `job-1/${originOf(8)}` }, 'c')), 'malformed')
})

t.test('a node says nothing of what pods of another one run', async t => {
  const running = { ...pin, kind: 'running', target: undefined, details: {} } as const
  t.match(read(encodeRecord({ ...running, key: originOf(7) }, 'c')), { kind: 'running' })
  t.equal(read(encodeRecord({ ...running, key: originOf(8) }, 'c')), 'malformed')
})

t.test('a record that is too large is not encoded and not decoded', async t => {
  const large = { ...pin, details: { note: 'x'.repeat(maxRecordBytes) } }
  t.throws(() => encodeRecord(large, 'c'), RangeError)
  t.equal(read(new Uint8Array(maxRecordBytes + 1)), 'too-large')
})
