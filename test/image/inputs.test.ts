import t from 'tap'
import { basePackages } from '../../image/base.ts'
import { architectures } from '../../image/entry.ts'
import { readInputs } from '../../image/inputs.ts'
import { readLock } from '../../image/modules.ts'
import { readUri } from '../../image/pin-inputs.ts'

const root = new URL('../..', import.meta.url).pathname

t.test("the image's Node is the one that the project is tested with", async t => {
  const { node } = await readInputs()
  t.equal(node.version, (await readLock(root))['node_modules/node']?.version, 'npm run image:pin')
})

t.test('everything is pinned for both processors', async t => {
  const { debian, node } = await readInputs()
  for (const architecture of architectures) {
    t.ok(node.packages.some(found => found.architecture === architecture))
    for (const name of basePackages) {
      const fits = debian.packages.filter(
        deb => deb.name === name && [architecture, 'all'].includes(deb.architecture),
      )
      t.equal(fits.length, 1, `${name} for ${architecture}`)
    }
  }
})

t.test('what apt says of a package is read, security updates apart', t => {
  const hash = 'a'.repeat(64)
  const tell = (url: string) => `'${url}' file.deb 10 SHA256:${hash}`
  const path = 'pool/main/g/gcc-14/libstdc%2b%2b6_14.2.0-19_amd64.deb'
  const expected = {
    name: 'libstdc++6',
    version: '14.2.0-19',
    architecture: 'amd64',
    path: 'pool/main/g/gcc-14/libstdc++6_14.2.0-19_amd64.deb',
    sha256: hash,
  }
  const archive = 'http://archive.test/debian'
  t.same(readUri(tell(`${archive}/${path}`), archive), { ...expected, archive: 'debian' })
  const update = tell(`${archive}-security/${path}`)
  t.same(readUri(update, archive), { ...expected, archive: 'debian-security' })
  t.throws(() => readUri(tell(`http://other.test/debian/${path}`), archive))
  t.throws(() => readUri(`'${archive}/${path}' file.deb 10 MD5Sum:${hash}`, archive))
  t.end()
})
