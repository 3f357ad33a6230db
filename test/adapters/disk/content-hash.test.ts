import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createContentHash, inlineBytes } from '../../../src/adapters/disk/content-hash.ts'
import type { FileHasher } from '../../../src/adapters/disk/hasher.ts'
import { openFile } from '../../../src/adapters/disk/open-file.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { contentFrom } from './support.ts'

/** A hasher that writes down what it is told and fails when asked. */
function createBroken() {
  const told: string[] = []
  const hasher: FileHasher = {
    follow(path) {
      told.push(`follow ${path.split('/').at(-1)}`)
      return {
        advance: size => void told.push(`advance ${size}`),
        finish: () => Promise.reject(new Error('the worker died')),
        stop: () => void told.push('stop'),
      }
    },
    close: async () => {},
  }
  return { hasher, told }
}

async function open(t: Test, size: number, expected: number | undefined) {
  const path = join(t.testdir(), 'file')
  const { content, digest } = contentFrom(1, size)
  await writeFile(path, content)
  const file = await openFile(path, 'read')
  t.teardown(() => file.close())
  const { hasher, told } = createBroken()
  const hash = createContentHash({ hasher, log: silentLog }, file, path, digest, expected)
  return { hash, told }
}

t.test('a small blob does not need the worker', async t => {
  const { hash, told } = await open(t, inlineBytes, inlineBytes)
  hash.advance(inlineBytes)
  t.equal(await hash.matches(inlineBytes), true)
  t.equal(await hash.matches(inlineBytes - 1), false)
  t.strictSame(told, [])
})

t.test('a blob that is large, or turns out to be, is followed', async t => {
  const known = await open(t, 2e6, 2e6)
  t.strictSame(known.told, ['follow file'])
  const unknown = await open(t, 2e6, undefined)
  unknown.hash.advance(1000)
  t.strictSame(unknown.told, [])
  unknown.hash.advance(2e6)
  t.strictSame(unknown.told, ['follow file', 'advance 2000000'])
  unknown.hash.stop()
  unknown.hash.stop()
  t.equal(unknown.told.length, 3, 'and let go once')
})

t.test("the worker's word counts", async t => {
  const path = join(t.testdir(), 'file')
  const { content, digest } = contentFrom(1, 2e6)
  await writeFile(path, content)
  const file = await openFile(path, 'read')
  t.teardown(() => file.close())
  const running = { advance() {}, stop() {}, finish: () => Promise.resolve('0'.repeat(64)) }
  const hasher: FileHasher = { follow: () => running, close: async () => {} }
  const hash = createContentHash({ hasher, log: silentLog }, file, path, digest, 2e6)
  t.equal(await hash.matches(2e6), false)
})

t.test('a worker that fails does not fail the blob', async t => {
  const { hash } = await open(t, 2e6, 2e6)
  t.equal(await hash.matches(2e6), true)
})
