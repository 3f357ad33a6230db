import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DiskStore } from '../../../src/adapters/disk/open-disk-store.ts'
import { type Digest, parseDigest } from '../../../src/oci/digest.ts'
import { forkPlainly } from '../../support/plainly.ts'
import type { CrashWord } from './crash-writer.ts'
import { contentFrom, openStore } from './support.ts'

const rounds = Number(process.env['HOLDFAST_CRASH_ROUNDS'] ?? 20)
/** A round takes a fraction of a second, but cards are slow and rounds are many. */
const timeout = rounds * 15_000
t.setTimeout(timeout)
const fast = { bytesPerSecond: 2 ** 40, signal: new AbortController().signal }

interface Said {
  readonly begun: Map<Digest, Buffer>
  readonly held: Set<Digest>
}

/** Lets a process write until it has said so many words, kills it, and returns what it said. */
async function writeAndKill(t: Test, dir: string, seed: number, words: number): Promise<Said> {
  const child = forkPlainly(join(import.meta.dirname, 'crash-writer.ts'), [dir, String(seed)])
  t.teardown(() => child.kill('SIGKILL'))
  const said: Said = { begun: new Map(), held: new Set() }
  let count = 0
  child.on('message', (word: CrashWord) => {
    count += 1
    if (count === words) child.kill('SIGKILL')
    if (word.kind === 'step') return
    const { content, digest } = contentFrom(word.seed, word.size)
    if (word.kind === 'begun') said.begun.set(digest, content)
    else said.held.add(digest)
  })
  const [, signal] = await once(child, 'close')
  if (signal !== 'SIGKILL') throw new Error('the writing process ended by itself')
  return said
}

/** Goes on with an interrupted download, with the right bytes. */
async function finish(store: DiskStore, digest: Digest, content: Buffer): Promise<void> {
  const writer = await store.write(digest, content.length)
  await writer.write(content.subarray(writer.offset))
  await writer.commit()
  await writer.release()
}

/** Continues every interrupted download; returns the digests. */
async function finishAll(store: DiskStore, said: Said): Promise<readonly Digest[]> {
  const digests = [...store.partials()].map(({ digest }) => digest)
  for (const digest of digests) {
    const content = said.begun.get(digest)
    if (content === undefined) throw new Error(`nobody began ${digest}`)
    await finish(store, digest, content)
  }
  return digests
}

async function listDamaged(store: DiskStore): Promise<readonly Digest[]> {
  const damaged: Digest[] = []
  for (const { digest } of [...store.list()]) {
    if ((await store.reverify(digest, fast)) !== 'sound') damaged.push(digest)
  }
  return damaged
}

t.test(`kill -9 in the middle of writing, ${rounds} times`, { timeout }, async t => {
  const dir = t.testdir()
  const held = new Set<Digest>()
  let continued = 0
  let unfinished = 0
  for (let round = 0; round < rounds; round++) {
    const said = await writeAndKill(t, dir, round * 10_000, 1 + Math.floor(Math.random() * 150))
    for (const digest of said.held) held.add(digest)
    unfinished += (await readdir(join(dir, 'partial')).catch(() => [])).length
    const store = await openStore(t, dir)
    t.strictSame(await listDamaged(store), [], `round ${round}: what is visible is whole`)
    const lost = [...held].filter(digest => store.stat(digest) === undefined)
    t.strictSame(lost, [], 'what was acknowledged is there')
    const finished = await finishAll(store, said)
    continued += finished.length
    for (const digest of finished) held.add(digest)
    const strange = (await readdir(join(dir, 'sha256'))).filter(
      name => parseDigest(`sha256:${name}`) === undefined,
    )
    t.strictSame(strange, [], 'no other file lies among the blobs')
    t.strictSame(await readdir(join(dir, 'partial')), [], 'nothing is left behind')
    await store.close()
  }
  t.comment(`${held.size} blobs held, ${continued} downloads continued`)
  t.ok(unfinished > 0 && continued > 0, 'the kills did hit writing')
})
