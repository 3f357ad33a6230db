import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { blobFiles } from '../../../src/adapters/disk/own-files.ts'
import { removeOwnFiles } from '../../../src/adapters/disk/remove-own-files.ts'

const hex = 'a'.repeat(64)

function write(dir: string, ...names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), '12345')
  }
}

t.test('a store goes with all that is in it', async t => {
  const dir = join(t.testdir(), 'blobs')
  const names = [`sha256/${hex}`, `partial/sha256-${hex}`, `partial/sha256-${hex}.7-1.new`]
  write(dir, ...names, 'partial/nameless.7-2', `quarantine/sha256-${hex}`, 'verified')
  write(dir, 'verified.new', 'holdfast.lock')
  mkdirSync(join(dir, 'sha512'))
  t.strictSame(await removeOwnFiles(dir, blobFiles), { files: 8, bytes: 40, left: [], links: [] })
  t.notOk(existsSync(dir))
})

t.test('what is not ours stays, by whatever name, and is told', async t => {
  const root = t.testdir({ elsewhere: { [hex]: 'of somebody else' } })
  const dir = join(root, 'blobs')
  write(dir, 'holdfast.lock', 'sha256/notes.txt', `sha256/${hex}`, `mine/${hex}`, 'holdfast.tar')
  symlinkSync(join(root, 'elsewhere'), join(dir, 'sha512'))
  symlinkSync(join(root, 'elsewhere', hex), join(dir, 'verified'))
  const { files, left, links } = await removeOwnFiles(dir, blobFiles)
  t.equal(files, 2)
  t.strictSame(
    left.toSorted(),
    ['holdfast.tar', 'mine', 'sha256/notes.txt', 'sha512', 'verified'].map(name => join(dir, name)),
  )
  t.strictSame(links.toSorted(), [join(dir, 'sha512'), join(dir, 'verified')])
  for (const path of left) t.ok(existsSync(path), path)
  t.ok(existsSync(join(root, 'elsewhere', hex)), 'no link is followed')
})

t.test(
  'a removal that is cut short leaves the lock, which tells whose directory it is',
  async t => {
    const dir = join(t.testdir(), 'blobs')
    write(dir, 'a', 'holdfast.lock', 'z')
    const own = {
      isFile(name: string) {
        // What cannot be unlinked any more, for it went between.
        if (name === 'z') rmSync(join(dir, name))
        return true
      },
    }
    await t.rejects(removeOwnFiles(dir, own), { code: 'ENOENT' })
    t.ok(existsSync(join(dir, 'holdfast.lock')))
  },
)
