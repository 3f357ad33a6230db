import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createHasher } from '../../../src/adapters/disk/hasher.ts'
import { openFile } from '../../../src/adapters/disk/open-file.ts'
import { matchesSlowly } from '../../../src/adapters/disk/reverify.ts'
import { contentFrom } from './support.ts'

async function open(t: Test, size: number) {
  const path = join(t.testdir(), 'file')
  const { content, digest } = contentFrom(1, size)
  await writeFile(path, content)
  const file = await openFile(path, 'read')
  const hasher = createHasher()
  t.teardown(async () => {
    await file.close()
    await hasher.close()
  })
  return (options: { bytesPerSecond: number; signal?: AbortSignal }) =>
    matchesSlowly(hasher, file, path, digest, { signal: new AbortController().signal, ...options })
}

t.test('no more bytes a second are read than allowed', async t => {
  for (const size of [200_000, 4_000_000]) {
    const matches = await open(t, size)
    const startedMs = performance.now()
    t.equal(await matches({ bytesPerSecond: size * 4 }), true)
    const tookMs = performance.now() - startedMs
    t.ok(tookMs > 140, `${size} bytes took ${tookMs} ms`)
  }
})

t.test('it ends with its signal in the middle', async t => {
  const matches = await open(t, 4_000_000)
  const ending = new AbortController()
  const running = matches({ bytesPerSecond: 1000, signal: ending.signal })
  ending.abort()
  await t.rejects(running, { name: 'AbortError' })
})
