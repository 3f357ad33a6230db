import { rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { createChangingFile } from '../../../src/adapters/registry/changing-file.ts'

t.test('a file that stays is read once, one that changes again', async t => {
  const path = join(t.testdir({ file: 'one' }), 'file')
  const file = createChangingFile(path)
  const first = await file.read()
  t.strictSame(first, { text: 'one', version: 1 })
  t.equal(await file.read(), first)
  await writeFile(path, 'another')
  t.strictSame(await file.read(), { text: 'another', version: 2 })
})

t.test('a file may be absent, come, go and come back', async t => {
  const path = join(t.testdir({}), 'file')
  const file = createChangingFile(path)
  t.equal(await file.read(), undefined)
  await writeFile(path, 'here')
  t.match(await file.read(), { text: 'here' })
  await rm(path)
  t.equal(await file.read(), undefined)
  await writeFile(path, 'here')
  t.match(await file.read(), { text: 'here', version: 2 })
})

t.test('a link that is swapped is followed', async t => {
  const dir = t.testdir({ a: 'same length 1', b: 'same length 2' })
  await symlink('a', join(dir, 'link'))
  const file = createChangingFile(join(dir, 'link'))
  t.match(await file.read(), { text: 'same length 1' })
  await symlink('b', join(dir, 'next'))
  await rename(join(dir, 'next'), join(dir, 'link'))
  t.match(await file.read(), { text: 'same length 2' })
})

t.test('what may not be read rejects', async t => {
  await t.rejects(createChangingFile(t.testdir({})).read(), { code: 'EISDIR' })
})
