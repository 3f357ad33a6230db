import fc from 'fast-check'
import t from 'tap'
import { decodeBye, encodeBye } from '../../src/mesh/bye.ts'
import { encodeHello } from '../../src/mesh/hello.ts'
import {
  byeType,
  decodeByeMessage,
  decodeGreeting,
  decodeHellos,
  encodeByeMessage,
  encodeGreeting,
  encodeHellos,
  fitHellos,
  helloType,
  maxHellosTogether,
} from '../../src/mesh/mesh-message.ts'
import { maxBusBytes } from '../../src/ports/bus.ts'
import { helloOf } from './support.ts'

const told = (number: number) => ({
  body: encodeHello(helloOf(number.toString(16).padStart(64, '0'))),
  signature: new Uint8Array(64).fill(number & 255),
  ageMs: number * 1_000,
})
const many = (count: number) => Array.from({ length: count }, (_, i) => told(i))

t.test('hellos and greetings are read as they were written', async t => {
  const message = encodeHellos(many(3))
  t.equal(message[0], helloType)
  t.same(decodeHellos(message.subarray(1)), many(3))
  const greeting = { hellos: many(maxHellosTogether), members: 4_711 }
  t.same(decodeGreeting(encodeGreeting(greeting)), greeting)
})

t.test('a greeting of usual hellos fits on the bus, and so does one of the largest', async t => {
  const usual = encodeGreeting({ hellos: many(maxHellosTogether), members: 5_000 })
  t.ok(usual.length < maxBusBytes, `${usual.length} bytes`)
  const largest = many(maxHellosTogether).map(one => ({ ...one, body: new Uint8Array(4_096) }))
  const fitting = fitHellos(largest, maxBusBytes)
  t.ok(fitting.length > 10 && fitting.length < 16)
  t.ok(encodeGreeting({ hellos: fitting, members: 5_000 }).length <= maxBusBytes)
  t.equal(fitHellos(many(200), 1e9).length, maxHellosTogether)
})

t.test('more than may be told together, or too large, is not read', async t => {
  t.equal(decodeHellos(encodeHellos(many(maxHellosTogether + 1)).subarray(1)), undefined)
  const large = { ...told(1), body: new Uint8Array(4_097) }
  t.equal(decodeHellos(encodeHellos([large]).subarray(1)), undefined)
  const unsigned = { ...told(1), signature: new Uint8Array(63) }
  t.equal(decodeHellos(encodeHellos([unsigned]).subarray(1)), undefined)
})

t.test('an age is a whole number, and none is negative', async t => {
  const hellos = decodeHellos(encodeHellos([{ ...told(1), ageMs: -5.5 }]).subarray(1))
  t.equal(hellos?.[0]?.ageMs, 0)
})

t.test('a bye is read as it was said', async t => {
  const bye = { id: 'ab'.repeat(32), incarnation: 3, nonce: '0011223344556677', sequence: 9 }
  const body = encodeBye(bye)
  t.same(decodeBye(body), bye)
  const signed = { body, signature: new Uint8Array(64) }
  const message = encodeByeMessage(signed)
  t.equal(message[0], byeType)
  t.same(decodeByeMessage(message.subarray(1)), signed)
  t.equal(decodeBye(body.subarray(1)), undefined)
  t.equal(decodeBye(new Uint8Array(1_000)), undefined)
})

t.test('no bytes make a reader throw', async () => {
  const sound = encodeGreeting({ hellos: many(2), members: 2 })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), bytes => {
      decodeHellos(bytes)
      decodeGreeting(bytes)
      decodeByeMessage(bytes)
      decodeBye(bytes)
    }),
  )
  fc.assert(
    fc.property(fc.nat(sound.length - 1), fc.nat(255), (at, byte) => {
      const bent = Uint8Array.from(sound)
      bent[at] = byte
      decodeGreeting(bent)
    }),
    { numRuns: 500 },
  )
})
