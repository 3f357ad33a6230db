import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import t from 'tap'
import { openTar } from '../../../src/adapters/tar/read-tar.ts'
import { packTar } from '../../../src/adapters/tar/write-tar.ts'
import type { PackedFile } from '../../../src/ports/archive.ts'

const contents = [0, 1, 511, 512, 513, 700_000].map(size => randomBytes(size))

async function* files(): AsyncGenerator<PackedFile> {
  for (const [index, bytes] of contents.entries()) {
    async function* content() {
      for (let at = 0; at < bytes.length; at += 60_000) yield bytes.subarray(at, at + 60_000)
    }
    yield { name: `folder/${index}`, size: bytes.length, content: content() }
  }
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks)
}

t.test('what is packed is read back, by us and by tar', async t => {
  const packed = await collect(packTar(files()))
  const read: Buffer[] = []
  async function* once() {
    yield packed
  }
  for await (const entry of openTar(once())) read.push(await collect(entry.content))
  t.strictSame(read, contents)
  const listed = execFileSync('tar', ['--zstd', '-t'], { input: packed, encoding: 'utf8' })
  t.equal(listed.trim().split('\n').length, contents.length)
})

t.test('equal files are equal bytes', async t => {
  t.strictSame(await collect(packTar(files())), await collect(packTar(files())))
})

t.test('what the files throw is told as it is', async t => {
  const failure = new Error('a blob went')
  async function* failing(): AsyncGenerator<PackedFile> {
    yield* files()
    throw failure
  }
  await t.rejects(collect(packTar(failing())), failure)
})

t.test('who leaves early leaves nothing running', async t => {
  let ended = false
  async function* endless(): AsyncGenerator<PackedFile> {
    try {
      for (let index = 0; ; index++) {
        async function* content() {
          yield randomBytes(100_000)
        }
        yield { name: `${index}`, size: 100_000, content: content() }
      }
    } finally {
      ended = true
    }
  }
  let got = 0
  for await (const chunk of packTar(endless())) {
    got += chunk.length
    if (got > 300_000) break
  }
  for (let turns = 0; turns < 100 && !ended; turns++) await new Promise(setImmediate)
  t.ok(ended)
})
