import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { digestAlgorithm, digestHex, digestOf, parseDigest } from '../../src/oci/digest.ts'
import { digests, texts } from '../support/words.ts'

t.test('a digest comes apart and together again', async t => {
  fc.assert(
    fc.property(digests, digest => {
      t.equal(parseDigest(digest), digest)
      t.equal(`${digestAlgorithm(digest)}:${digestHex(digest)}`, digest)
    }),
    { numRuns: 50 },
  )
})

t.test('digestOf is the hash of the bytes in either algorithm', async t => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.constantFrom('sha256', 'sha512'), (bytes, algorithm) => {
      const expected = createHash(algorithm).update(bytes).digest('hex')
      t.equal(digestOf(bytes, algorithm), `${algorithm}:${expected}`)
    }),
    { numRuns: 50 },
  )
  t.match(digestOf(Buffer.from('')), /^sha256:e3b0c44298fc1c149afbf4c8996fb924/)
})

t.test('what is no digest is not taken for one', async t => {
  const hex = 'a'.repeat(64)
  const wrong = [
    '',
    hex,
    'sha256:',
    `sha256:${hex}a`,
    `sha256:${hex.slice(1)}`,
    `sha256:${hex.toUpperCase()}`,
    `SHA256:${hex}`,
    `sha512:${hex}`,
    `sha256:${hex}${hex}`,
    `sha384:${'a'.repeat(96)}`,
    `sha256:${hex}\n`,
    ` sha256:${hex}`,
    `sha256:${hex.slice(1)}g`,
    `sha256:../${'a'.repeat(61)}`,
  ]
  for (const text of wrong) t.equal(parseDigest(text), undefined, JSON.stringify(text))
})

t.test('no text makes the parser throw', async () => {
  fc.assert(fc.property(texts, text => parseDigest(text) === undefined))
})
