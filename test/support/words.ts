import fc from 'fast-check'
import { type Digest, parseDigest } from '../../src/oci/digest.ts'

/** Arbitraries of the specs' words, for property tests. Everything they make is in canonical form. */

/** A digest of either algorithm. */
export const digests: fc.Arbitrary<Digest> = fc
  .oneof(hex(64), hex(128))
  .map(digits => parseDigest(`sha${digits.length * 4}:${digits}`))
  .filter(digest => digest !== undefined)

function hex(length: number): fc.Arbitrary<string> {
  return fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'),
    minLength: length,
    maxLength: length,
  })
}

/** A component of a repository name, among them the words of the API. */
const components: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.stringMatching(/^[a-z0-9]{1,6}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom('blobs', 'manifests', 'tags', 'list', 'uploads', 'referrers'),
  },
)

/** A repository name whose first component stands for no registry. */
export const repositoryNames: fc.Arbitrary<string> = fc
  .array(components, { minLength: 1, maxLength: 6 })
  .map(parts => parts.join('/'))
  .filter(name => !/^[^/]*\./.test(name) && !name.startsWith('localhost/'))

/** A registry in canonical form, Docker Hub among them. */
export const registries: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom('docker.io', 'localhost', '127.0.0.1', '[::1]', '[fd00::17]', 'ghcr.io'),
      fc.stringMatching(/^[a-z](?:[a-z0-9-]{0,8}[a-z0-9])?\.[a-z]{2,5}$/),
    ),
    fc.option(fc.integer({ min: 1, max: 65_535 })),
  )
  .map(([host, port]) => (port === null ? host : `${host}:${port}`))

/** A tag. */
export const tags: fc.Arbitrary<string> = fc.oneof(
  fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/),
  fc.constantFrom('latest', 'list', 'uploads', 'v1.2.3', 'sha256-abc.sig'),
)

/** Any text: mostly noise, some of it with the marks that parsers look for. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...'ab0/:.@%[]_-?#A é\0'), maxLength: 60 }),
)
