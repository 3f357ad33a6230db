import { once } from 'node:events'
import { appendFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { createHasher } from '../../../src/adapters/disk/hasher.ts'
import { digestHex, digestOf } from '../../../src/oci/digest.ts'
import { contentFrom } from './support.ts'

function open(t: Test, options?: Parameters<typeof createHasher>[0]) {
  const hasher = createHasher(options)
  t.teardown(() => hasher.close())
  return hasher
}

t.test('a file is hashed while it grows', async t => {
  const path = join(t.testdir(), 'file')
  const { content, digest } = contentFrom(1, 10_000_000)
  await writeFile(path, '')
  const hash = open(t).follow(path, 'sha256')
  for (let at = 0; at < content.length; at += 1e6) {
    await appendFile(path, content.subarray(at, at + 1e6))
    hash.advance(at + 1e6)
  }
  t.equal(await hash.finish(content.length), digestHex(digest))
})

t.test('only the bytes that are said to be there are hashed', async t => {
  const path = join(t.testdir(), 'file')
  const { content } = contentFrom(2, 5_000_000)
  await writeFile(path, content)
  const hash = open(t).follow(path, 'sha512')
  hash.advance(3_000_000)
  const expected = digestHex(digestOf(content.subarray(0, 4_000_000), 'sha512'))
  t.equal(await hash.finish(4_000_000), expected)
})

t.test('bytes that are handed over come back, and are hashed', async t => {
  const hasher = open(t)
  const { content, digest } = contentFrom(5, 3_000_000)
  const hash = hasher.begin('sha256')
  const other = hasher.begin('sha512')
  let buffer = new Uint8Array(1_000_000)
  for (let at = 0; at < content.length; at += buffer.length) {
    content.copy(buffer, 0, at)
    const handed = buffer
    const hashed = hash.update(handed)
    t.equal(handed.length, 0, 'nobody else has them meanwhile')
    buffer = await hashed
    t.ok(content.subarray(at, at + buffer.length).equals(buffer))
  }
  await other.update(buffer.subarray(0, 10))
  t.equal(await hash.finish(), digestHex(digest))
  const expected = digestHex(digestOf(content.subarray(2_000_000, 2_000_010), 'sha512'))
  t.equal(await other.finish(), expected, 'and not mixed with others')
})

t.test('files take turns', async t => {
  const dir = t.testdir()
  const hasher = open(t)
  const large = contentFrom(3, 50_000_000)
  const small = contentFrom(4, 2_000_000)
  for (const [name, { content }] of Object.entries({ large, small }))
    await writeFile(join(dir, name), content)
  const first = hasher.follow(join(dir, 'large'), 'sha256').finish(50_000_000)
  const second = hasher.follow(join(dir, 'small'), 'sha256').finish(2_000_000)
  const done: string[] = []
  await Promise.all([first.then(hex => done.push(hex)), second.then(hex => done.push(hex))])
  t.strictSame(
    done,
    [digestHex(small.digest), digestHex(large.digest)],
    'the small one does not wait',
  )
})

t.test('a file that is absent or too short has no hash', async t => {
  const dir = t.testdir({ file: 'short' })
  const hasher = open(t)
  await t.rejects(hasher.follow(join(dir, 'absent'), 'sha256').finish(5), /ENOENT/)
  await t.rejects(hasher.follow(join(dir, 'file'), 'sha256').finish(6), /ends at 5/)
})

t.test('one worker serves all and ends when nothing is left to do', async t => {
  const path = join(t.testdir({ file: 'content' }), 'file')
  const hasher = open(t, { idleMs: 1 })
  const workers: Worker[] = []
  const note = (worker: Worker) => workers.push(worker)
  process.on('worker', note)
  t.teardown(() => process.off('worker', note))
  const stopped = hasher.follow(path, 'sha256')
  const finished = hasher.follow(path, 'sha256').finish(7)
  await finished
  t.equal(workers.length, 1)
  const ended = once(workers[0] ?? process, 'exit')
  const held = setTimeout(() => {}, 60_000) // an idle worker lets the process end
  stopped.stop()
  await ended
  clearTimeout(held)
  t.equal(await hasher.follow(path, 'sha256').finish(7), await finished, 'and comes again')
  t.equal(workers.length, 2)
})

t.test('a worker that dies fails what it had, and the next file gets a new one', async t => {
  const path = join(t.testdir({ file: 'content' }), 'file')
  const hasher = open(t)
  const started = once(process, 'worker')
  const hash = hasher.follow(path, 'sha256')
  const [worker]: Worker[] = await started
  await worker?.terminate()
  await t.rejects(hash.finish(7), /ended with code/)
  t.ok(await hasher.follow(path, 'sha256').finish(7))
})

t.test('bytes that a dying worker has are lost, and no more are taken', async t => {
  const hasher = open(t)
  const started = once(process, 'worker')
  const hash = hasher.begin('sha256')
  const [worker]: Worker[] = await started
  const handed = hash.update(new Uint8Array(10))
  void worker?.terminate()
  await t.rejects(handed, /ended with code/)
  const kept = new Uint8Array(10)
  await t.rejects(hash.update(kept), /ended with code/)
  t.equal(kept.length, 10)
  await t.rejects(hash.finish(), /ended with code/)
  const next = hasher.begin('sha256')
  next.stop()
  t.ok(await hasher.begin('sha256').finish())
})

t.test('a closed hasher fails what was under way', async t => {
  const path = join(t.testdir({ file: 'content' }), 'file')
  const hasher = createHasher()
  const hash = hasher.follow(path, 'sha256')
  await hasher.close()
  await t.rejects(hash.finish(7), /closed/)
  await rm(path)
})
