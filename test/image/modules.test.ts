import t from 'tap'
import { closure, filesOfPackage, isRun, nameOf, packageOf, readLock } from '../../image/modules.ts'

const root = new URL('../..', import.meta.url).pathname.replace(/\/$/, '')

t.test('a package brings what it needs, as Node would find it', t => {
  const lock = {
    'node_modules/a': {
      version: '1.0.0',
      dependencies: { b: '*', '@types/b': '*' },
      peerDependencies: { c: '*', d: '*' },
      peerDependenciesMeta: { d: { optional: true } },
    },
    'node_modules/a/node_modules/b': { version: '2.0.0', dependencies: { e: '*' } },
    'node_modules/b': { version: '1.0.0' },
    'node_modules/@types/b': { version: '1.0.0' },
    'node_modules/c': { version: '1.0.0', optionalDependencies: { absent: '*' } },
    'node_modules/d': { version: '1.0.0' },
    'node_modules/e': { version: '1.0.0', dependencies: { a: '*' } },
  }
  t.same(closure(lock, ['a']), [
    'node_modules/a',
    'node_modules/a/node_modules/b',
    'node_modules/c',
    'node_modules/e',
  ])
  t.end()
})

t.test('a file belongs to the innermost package', t => {
  t.equal(
    packageOf('node_modules/a/node_modules/@b/c/lib/x.js'),
    'node_modules/a/node_modules/@b/c',
  )
  t.equal(packageOf('src/main.ts'), undefined)
  t.equal(nameOf('node_modules/a/node_modules/@b/c'), '@b/c')
  t.end()
})

t.test('types, maps, documents, sources of C and addons of others stay behind', t => {
  const stay = ['x.d.ts', 'x.js.map', 'README.md', 'deps/sqlite3.c', 'binding.gyp', 'test/x.js']
  for (const path of [...stay, 'prebuilds/linux-arm64.node', 'prebuilds/darwin-x64.node']) {
    t.notOk(isRun(path, 'amd64'), path)
  }
  const come = ['package.json', 'dist/index.cjs', 'dist/doc/doc.js', 'LICENSE.md', 'x.proto']
  for (const path of [...come, 'prebuilds/linux-x64.node']) t.ok(isRun(path, 'amd64'), path)
  t.ok(isRun('prebuilds/linux-arm64.node', 'arm64'))
  t.end()
})

t.test('a native module comes with one addon', async t => {
  const path = 'node_modules/better-sqlite3'
  t.ok((await readLock(root))[path])
  const files = await filesOfPackage(root, path, { architecture: 'arm64', to: 'opt/x' })
  const paths = files.map(entry => entry.path)
  t.same(
    paths.filter(name => name.endsWith('.node')),
    [`opt/x/${path}/prebuilds/linux-arm64.node`],
  )
  t.ok(paths.includes(`opt/x/${path}/lib/index.js`))
  t.ok(paths.includes(`opt/x/${path}/LICENSE`))
})
