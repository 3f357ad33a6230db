import fc from 'fast-check'
import t from 'tap'
import { decodeNames, encodeNames } from '../../src/keep/running-names.ts'
import { maxValueBytes } from '../../src/ledger/record.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { texts } from '../support/words.ts'

const digest = digestOf(Buffer.from('web'))

t.test('names come back as tags and digests', async t => {
  const names = ['reg.test/web:1', `docker.io/library/web@${digest}`]
  const { text, left } = encodeNames(names)
  t.equal(left, 0)
  t.strictSame(decodeNames(text), {
    tags: new Set(['reg.test/web:1']),
    byDigest: new Map([
      [
        `docker.io/library/web@${digest}`,
        { repository: { registry: 'docker.io', repository: 'library/web' }, digest },
      ],
    ]),
  })
  t.equal(encodeNames(names.toReversed()).text, text, 'whatever their order')
})

t.test('what is too long for a register is cut off at whole names, from the end', async t => {
  const names = Array.from({ length: 700 }, (_, i) => `reg.test/${'a'.repeat(50)}/app${i}:1`)
  const { text, left } = encodeNames(names)
  t.ok(left > 0)
  t.ok(Buffer.byteLength(text) <= maxValueBytes)
  t.ok(Buffer.byteLength(text) > maxValueBytes - 100, 'no more than needs be')
  t.strictSame(decodeNames(text).tags, new Set(names.slice(0, 700 - left)))
})

t.test('what is no name in its one form is passed over, and nothing throws', async t => {
  const lines = ['web', 'docker.io/web:1', `reg.test/web:1@${digest}`, '', 'reg.test/web:1', 'x/']
  t.strictSame(decodeNames(lines.join('\n')), {
    tags: new Set(['reg.test/web:1']),
    byDigest: new Map(),
  })
  fc.assert(fc.property(texts, text => void decodeNames(text)))
})
