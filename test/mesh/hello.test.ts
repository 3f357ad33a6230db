import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import t from 'tap'
import { decodeCbor } from '../../src/ledger/cbor.ts'
import {
  compareTurns,
  decodeHello,
  encodeHello,
  maxHelloBytes,
  meet,
} from '../../src/mesh/hello.ts'
import { helloOf } from './support.ts'

const id = 'ab'.repeat(32)

t.test('a hello is read as it was written', async t => {
  for (const hello of [
    helloOf(id),
    helloOf(id, { zone: undefined, twin: '8877665544332211', ledgerRoot: '' }),
    helloOf(id, { peerAddresses: ['[fd00::1]:5052', 'node.example:1'], upstreams: [] }),
    // As of a version that does not say which keys it accepts.
    helloOf(id, { acceptedKeyIds: undefined }),
    helloOf(id, { name: 'Knoten ä 節', clock: { trustedMs: 0, source: undefined } }),
  ]) {
    t.strictSame(decodeHello(encodeHello(hello)), hello)
  }
})

t.test('a usual hello is a third of a kilobyte', async t => {
  t.ok(encodeHello(helloOf(id)).length < 340, `${encodeHello(helloOf(id)).length} bytes`)
})

t.test('what a later version adds is read over, and stays in the bytes', async t => {
  const fields = decodeCbor(encodeHello(helloOf(id))) as Map<number, unknown>
  fields.set(200, ['something', { else: 1 }])
  const body = encode(fields, rfc8949EncodeOptions)
  t.strictSame(decodeHello(body), helloOf(id))
})

t.test('a node that has too much to say is cut short, and understood', async t => {
  const many = (text: string) => Array.from({ length: 100 }, (_, i) => `${text}-${i}:1`)
  const body = encodeHello(
    helloOf(id, {
      name: `${'n'.repeat(400)}\n`,
      zone: 'line\nbreak',
      meshAddresses: many('a'),
      peerAddresses: many('b'),
      upstreams: many('c'),
      platforms: many('d'),
    }),
  )
  const read = decodeHello(body)
  t.equal(read?.name.length, 253)
  t.equal(read?.zone, 'line?break')
  t.equal(read?.meshAddresses.length, 8)
  t.equal(read?.upstreams.length, 32)
  t.ok(body.length <= maxHelloBytes)
})

t.test('accepted keys that are none spoil the hello', async t => {
  for (const value of ['deadbeef', [1], Array(9).fill('deadbeef')]) {
    const fields = decodeCbor(encodeHello(helloOf(id))) as Map<number, unknown>
    fields.set(20, value)
    t.equal(decodeHello(encode(fields, rfc8949EncodeOptions)), undefined, String(value))
  }
})

t.test('a field that is missing or out of its range spoils the hello', async t => {
  const spoilt: [number, unknown][] = [
    [1, Buffer.alloc(31)],
    [2, 'a\u001b[31mname'],
    [2, 'n'.repeat(254)],
    [2, 7],
    [3, ''.padEnd(300, 'z')],
    [4, Array(17).fill('linux/amd64')],
    [5, ['no address']],
    [5, ['10.0.0.1:70000']],
    [6, Array(9).fill('10.0.0.1:1')],
    [8, [2, 1]],
    [8, 1],
    [9, -1],
    [9, 2 ** 50],
    [10, 1.5],
    [11, Buffer.alloc(7)],
    [12, Buffer.alloc(33)],
    [14, Array(33).fill('docker.io')],
    [15, ['now', 1]],
    [16, -5],
    [19, 'often'],
  ]
  for (const [key, value] of spoilt) {
    const fields = decodeCbor(encodeHello(helloOf(id))) as Map<number, unknown>
    fields.set(key, value)
    t.equal(decodeHello(encode(fields, rfc8949EncodeOptions)), undefined, `${key}: ${value}`)
    if (key === 3) continue
    fields.delete(key)
    t.equal(decodeHello(encode(fields, rfc8949EncodeOptions)), undefined, `without ${key}`)
  }
})

t.test('no bytes make the reader throw', async t => {
  const sound = encodeHello(helloOf(id))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), bytes => {
      decodeHello(bytes)
    }),
  )
  fc.assert(
    fc.property(fc.nat(sound.length - 1), fc.nat(255), (at, byte) => {
      const bent = Uint8Array.from(sound)
      bent[at] = byte
      decodeHello(bent)
    }),
    { numRuns: 1_000 },
  )
  t.equal(decodeHello(Buffer.alloc(maxHelloBytes, 0x81)), undefined, 'deeply nested')
  t.equal(decodeHello(Buffer.from('9b7fffffffffffffff', 'hex')), undefined, 'a huge array')
  t.equal(decodeHello(Buffer.alloc(maxHelloBytes + 1)), undefined)
})

t.test('bytes that say the same in another way are no hello', async t => {
  const body = encodeHello(helloOf(id))
  t.equal(decodeHello(Buffer.concat([body, Buffer.of(0)])), undefined)
  const fields = [...(decodeCbor(body) as Map<number, unknown>)].reverse()
  const reordered = encode(new Map(fields), { mapSorter: () => 0 })
  t.equal(reordered.length, body.length)
  t.equal(decodeHello(reordered), undefined, 'keys in another order')
})

t.test('the period is kept within bounds, whatever a node says', async t => {
  t.equal(decodeHello(encodeHello(helloOf(id, { periodMs: 1 })))?.periodMs, 5_000)
  t.equal(decodeHello(encodeHello(helloOf(id, { periodMs: 1e12 })))?.periodMs, 600_000)
})

t.test('turns are in the order of incarnation, nonce, sequence', async t => {
  const turn = (incarnation: number, nonce: string, sequence: number) => ({
    incarnation,
    nonce,
    sequence,
  })
  t.ok(compareTurns(turn(1, 'ff', 9), turn(2, '00', 1)) < 0)
  t.ok(compareTurns(turn(1, 'aa', 9), turn(1, 'bb', 1)) < 0)
  t.ok(compareTurns(turn(1, 'aa', 2), turn(1, 'aa', 1)) > 0)
  t.equal(compareTurns(turn(1, 'aa', 2), turn(1, 'aa', 2)), 0)
})

t.test('ranges meet when they have a version in common', async t => {
  const range = (lowest: number, highest: number) => ({ lowest, highest })
  t.equal(meet(range(1, 2), range(2, 3)), true)
  t.equal(meet(range(1, 1), range(2, 3)), false)
  t.equal(meet(range(4, 5), range(2, 3)), false)
  t.equal(meet(range(1, 9), range(2, 3)), true)
})
