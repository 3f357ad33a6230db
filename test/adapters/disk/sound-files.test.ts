import { mkdir, rmdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createHasher } from '../../../src/adapters/disk/hasher.ts'
import { openFile } from '../../../src/adapters/disk/open-file.ts'
import { createSoundFiles } from '../../../src/adapters/disk/sound-files.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { contentFrom } from './support.ts'

const { content, digest } = contentFrom(1, 1_500_000)

/** A file, and a memory whose hashes are counted. */
async function open(t: Test) {
  const path = join(t.testdir(), 'blob')
  await writeFile(path, content)
  const hasher = createHasher()
  t.teardown(() => hasher.close())
  let hashed = 0
  const follow: typeof hasher.follow = (...order) => {
    hashed += 1
    return hasher.follow(...order)
  }
  const parts = { hasher: { ...hasher, follow }, log: silentLog, memoryFile: `${path}.verified` }
  let sound = createSoundFiles(parts)
  const isSound = async () => {
    const file = await openFile(path, 'read')
    try {
      return await sound.isSound(digest, path, file)
    } finally {
      await file.close()
    }
  }
  const restart = () => {
    sound = createSoundFiles(parts)
  }
  return {
    path,
    parts,
    remember: () => sound.remember(digest, path),
    forget: () => sound.forget(digest),
    save: () => sound.save(),
    restart,
    isSound,
    hashed: () => hashed,
  }
}

t.test('a file is hashed once, for all who ask, as long as nobody touches it', async t => {
  const { path, isSound, hashed } = await open(t)
  t.strictSame(await Promise.all([isSound(), isSound(), isSound()]), [true, true, true])
  t.equal(await isSound(), true)
  t.equal(hashed(), 1)
  await utimes(path, 1, 1)
  t.equal(await isSound(), true)
  t.equal(hashed(), 2, 'touched')
})

t.test('what was verified elsewhere is not hashed again, until it is forgotten', async t => {
  const { remember, forget, isSound, hashed } = await open(t)
  await remember()
  t.equal(await isSound(), true)
  t.equal(hashed(), 0)
  forget()
  t.equal(await isSound(), true)
  t.equal(hashed(), 1)
})

t.test('what was verified is known after a restart, as long as nobody touched it', async t => {
  const { path, save, restart, isSound, hashed } = await open(t)
  t.equal(await isSound(), true)
  restart()
  t.equal(await isSound(), true)
  t.equal(hashed(), 2, 'not written down: found out anew')
  await save()
  restart()
  t.equal(await isSound(), true)
  t.equal(hashed(), 2)
  await writeFile(path, Buffer.alloc(content.length))
  restart()
  t.equal(await isSound(), false)
})

t.test('a memory that cannot be read or written is none', async t => {
  const { parts, save, restart, isSound } = await open(t)
  await mkdir(parts.memoryFile)
  await save()
  restart()
  t.equal(await isSound(), true)
  await rmdir(parts.memoryFile)
  await writeFile(parts.memoryFile, 'no digest\nsha256:abc 1 2 3\n\0\0')
  restart()
  t.equal(await isSound(), true)
})

t.test('other bytes of the same size and age are not sound', async t => {
  const { path, isSound } = await open(t)
  t.equal(await isSound(), true)
  await writeFile(path, Buffer.alloc(content.length))
  t.equal(await isSound(), false)
  t.equal(await isSound(), false, 'however often one asks')
})
