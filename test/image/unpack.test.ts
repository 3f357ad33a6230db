import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { makeBase } from '../../image/base.ts'
import { readControl, unpackDeb, unpackNpm } from '../../image/unpack.ts'
import { tar } from '../support/tar.ts'

const isDebian = existsSync('/usr/bin/dpkg-deb')
const control = 'Package: p\nVersion: 1-2\nArchitecture: all\nMaintainer: m\nDescription: d\n'

t.test('of a package of npm only what is wanted comes', async t => {
  const path = join(t.testdir(), 'p.tgz')
  const files = ['bin/node', 'LICENSE', 'include/node.h'].map(name => ({
    name: `package/${name}`,
    data: name,
    mode: name === 'bin/node' ? 0o755 : 0o644,
  }))
  await writeFile(path, gzipSync(tar(files)))
  const entries = await unpackNpm(path, name => name !== 'include/node.h')
  t.same(
    entries.map(entry => [entry.path, entry.mode, String(entry.data)]),
    [
      ['bin/node', 0o755, 'bin/node'],
      ['LICENSE', 0o644, 'LICENSE'],
    ],
  )
})

t.test('a file that is cut is an error', async t => {
  const path = join(t.testdir(), 'p.tgz')
  const whole = gzipSync(tar([{ name: 'package/a', data: 'x'.repeat(5000) }]))
  await writeFile(path, whole.subarray(0, whole.length - 20))
  await t.rejects(unpackNpm(path, () => true))
})

t.test('a Debian package', { skip: !isDebian && 'needs dpkg-deb' }, async t => {
  const folder = t.testdir({
    DEBIAN: { control },
    usr: {
      bin: { sh: 'a shell' },
      lib: { 'x-linux-gnu': { 'libx.so.1': 'a library', 'libx.so': 'for compilers' } },
      share: {
        'ca-certificates': { mozilla: { 'b.crt': 'B\n\n', 'a.crt': 'A' } },
        doc: { p: { copyright: 'terms', 'changelog.gz': 'news' }, q: t.fixture('symlink', 'p') },
      },
    },
  })
  const deb = `${folder}.deb`
  await promisify(execFile)('dpkg-deb', ['--root-owner-group', '--build', folder, deb])
  await t.test('tells what it is, and gives what is wanted', async t => {
    t.equal(await readControl(deb), control)
    const entries = await unpackDeb(deb, path => path.startsWith('usr/bin/'))
    t.match(entries, [{ path: 'usr/bin/sh', type: 'file', data: Buffer.from('a shell') }])
    await t.rejects(
      unpackDeb(`${folder}/none.deb`, () => true),
      /none\.deb/,
    )
  })
  await t.test(
    'brings libraries, terms and certificates into the base, and no program',
    async t => {
      const base = await makeBase(new Map([['p', deb]]))
      const own = base.filter(({ path }) => path.startsWith('usr/')).map(({ path }) => path)
      t.same(own.sort(), [
        'usr/lib/x-linux-gnu/libx.so.1',
        'usr/share/doc/p/copyright',
        'usr/share/doc/q',
      ])
      const text = (path: string) => String(base.find(entry => entry.path === path)?.data)
      t.equal(text('etc/ssl/certs/ca-certificates.crt'), 'A\nB\n')
      t.equal(text('var/lib/dpkg/status.d/p'), control)
    },
  )
})
