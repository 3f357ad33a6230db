import t from 'tap'
import {
  bitString,
  explicit,
  generalizedTime,
  integer,
  objectId,
  sequence,
  setOf,
  utcTime,
  utf8String,
} from '../../../src/adapters/peer-http/der.ts'

const hex = (...parts: readonly Uint8Array[]) => Buffer.concat(parts).toString('hex')

t.test('a length takes as many bytes as it needs', async t => {
  const headOf = (length: number) => hex(utf8String('x'.repeat(length)).subarray(0, 5))
  t.equal(hex(utf8String('')), '0c00')
  t.equal(headOf(127), '0c7f787878')
  t.equal(headOf(128), '0c81807878')
  t.equal(headOf(255), '0c81ff7878')
  t.equal(headOf(256), '0c82010078')
  t.equal(headOf(65_535), '0c82ffff78')
  t.equal(headOf(65_536), '0c83010000')
})

t.test('an integer is never negative and never longer than it must be', async t => {
  t.equal(hex(integer(Buffer.of(0))), '020100')
  t.equal(hex(integer(Buffer.of(0x7f))), '02017f')
  t.equal(hex(integer(Buffer.of(0x80))), '02020080')
  t.equal(hex(integer(Buffer.of(0, 0, 1))), '020101')
  t.equal(hex(integer(Buffer.of(0, 0xff, 1))), '020300ff01')
})

t.test('object identifiers are those of the registries', async t => {
  t.equal(hex(objectId(1, 3, 101, 112)), '06032b6570', 'Ed25519')
  t.equal(hex(objectId(2, 5, 4, 3)), '0603550403', 'common name')
  t.equal(hex(objectId(1, 2, 840, 113_549)), '06062a864886f70d', 'RSA')
})

t.test('values nest', async t => {
  t.equal(hex(sequence(integer(Buffer.of(5)), setOf(utf8String('a')))), '300802010531030c0161')
  t.equal(hex(explicit(0, integer(Buffer.of(2)))), 'a003020102')
  t.equal(hex(bitString(Buffer.of(0xab))), '030200ab')
})

t.test('times are texts', async t => {
  t.equal(String(utcTime('000101000000Z').subarray(2)), '000101000000Z')
  t.equal(hex(generalizedTime('99991231235959Z')).slice(0, 4), '180f')
})
