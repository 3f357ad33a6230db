import t from 'tap'
import { decodeRecord, encodeRecord } from '../../src/ledger/encode-record.ts'
import { keyBytesOf } from '../../src/ledger/key-bytes.ts'

function bodyOf(key: string, clusterId: string): Uint8Array {
  return encodeRecord(
    {
      kind: 'use',
      key,
      target: undefined,
      stamp: { wallMs: 1, counter: 0 },
      source: undefined,
      origin: 'ab'.repeat(32),
      removed: false,
      details: {},
      signed: undefined,
    },
    clusterId,
  )
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

t.test('the bytes of a key are found whatever goes before them', async t => {
  for (const length of [1, 23, 24, 255, 256, 400]) {
    const key = `docker.io/${'a'.repeat(length)}:v1`
    for (const clusterId of ['', 'a', 'c'.repeat(40), 'd'.repeat(300)]) {
      t.equal(textOf(keyBytesOf(bodyOf(key, clusterId))), key)
    }
  }
})

t.test('what is no record has some bytes or none, and never throws', async t => {
  const body = bodyOf('docker.io/library/app:v1', '')
  for (let length = 0; length < body.length; length++) {
    const cut = body.subarray(0, length)
    t.ok(keyBytesOf(cut).length <= length)
    t.type(decodeRecord({ body: cut, signature: new Uint8Array(64) }, ''), 'string')
  }
  for (let byte = 0; byte < 256; byte++) {
    t.ok(keyBytesOf(Uint8Array.of(byte, byte, byte)).length <= 3)
    t.ok(keyBytesOf(Buffer.alloc(64, byte)).length <= 64)
  }
})
