import fc from 'fast-check'
import t from 'tap'
import { OciError } from '../../src/oci/errors.ts'
import { parseJson } from '../../src/oci/json.ts'
import { processorMs } from '../support/processor-time.ts'

const read = (text: string): unknown => parseJson(Buffer.from(text))
const refused = { name: 'OciError', code: 'MANIFEST_INVALID' }

t.test('unambiguous JSON is read as JSON.parse reads it', async t => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(undefined, 2), (text, space) => {
      const pretty = JSON.stringify(JSON.parse(text), undefined, space)
      t.same(read(pretty), JSON.parse(text))
    }),
    { numRuns: 200 },
  )
})

t.test('a key said twice is refused, however it is written', async t => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"b":{},"a":[]}',
    '{"a":1,"\\u0061":2}',
    '{"x":[{"k":1 , "k"\n:2}]}',
    '{"a\\"":1,"a\\"":2}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
  ]) {
    t.throws(() => read(text), { ...refused, message: /twice/ }, text)
  }
})

t.test('equal keys of different objects, and equal values, are no repetition', async t => {
  for (const text of [
    '[{"a":1},{"a":2}]',
    '{"a":{"a":{"a":1}}}',
    '{"a":"a","b":"a"}',
    '{"a":["b","b"],"b":"b"}',
    '{"a":"{\\"a\\":1,\\"a\\":2}"}',
    '{"a":"\\\\","b":"\\\\"}',
    '{"a":1,"A":2}',
  ]) {
    t.same(read(text), JSON.parse(text), text)
  }
})

t.test('nesting has a limit, however much of it there is', async t => {
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
  t.ok(read(nested(32)))
  t.throws(() => read(nested(33)), { ...refused, message: /nested/ })
  t.throws(() => read('['.repeat(2_000_000)), { ...refused, message: /nested/ })
  t.throws(() => read('{"a":'.repeat(500_000)), { ...refused, message: /nested/ })
})

t.test('what is not JSON in UTF-8 is refused', async t => {
  for (const text of ['', ' ', '{', '{"a"}', '{"a":1,}', '"', '"\\', '{} {}', '\uFEFF{}', 'NaN']) {
    t.throws(() => read(text), { ...refused, message: /JSON/ }, JSON.stringify(text))
  }
  t.throws(() => parseJson(Buffer.from([0x22, 0xff, 0x22])), { ...refused, message: /UTF-8/ })
})

t.test('hostile text of 4 MiB is dealt with in bounded time', async t => {
  const size = 4 * 1024 * 1024
  const unit: Record<string, string> = {
    'a string': 'x',
    quotes: '"',
    backslashes: '\\',
    'empty strings': '"",',
    'quotes and spaces': '"" ',
    'closing brackets': ']',
    objects: '{}',
  }
  for (const [name, text] of Object.entries(unit)) {
    const beganMs = processorMs()
    t.throws(() => read(`["${text.repeat(size / text.length)}`), refused, name)
    t.ok(processorMs() - beganMs < 5_000, `${name} within 5 s`)
  }
})

t.test('no bytes make it throw anything but an OciError', async () => {
  const noise = fc.string({ unit: fc.constantFrom(...'{}[]":,\\u0a1 \n') })
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), noise.map(Buffer.from)), bytes => {
      try {
        parseJson(bytes)
      } catch (error) {
        if (!(error instanceof OciError)) throw error
      }
    }),
    { numRuns: 1000 },
  )
})
