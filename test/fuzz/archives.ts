import { gzipSync, zstdCompressSync } from 'node:zlib'
import { bundleNotePath, encodeNote } from '../../src/archive/bundle-note.ts'
import { ArchiveRefusal } from '../../src/ports/archive.ts'
import { createImporting, fullName, layoutOf, savedOf } from '../archive/support.ts'
import { makeImage, makeSingleImage } from '../support/image.ts'
import { tar } from '../support/tar.ts'
import { pick, type Random } from './mutate.ts'
import { claim } from './subject.ts'

/** No archive of this size may take longer, ms. */
const maxImportMs = 5_000
/** How much the process may grow over a whole run, bytes. */
const maxGrowth = 400 * 1024 * 1024

type Change = (random: Random, bytes: Buffer, others: readonly Buffer[]) => Buffer

const at = (random: Random, bytes: Buffer): number => Math.floor(random() * (bytes.length + 1))

/** Where a header may begin, mostly: what is in headers decides more than what is in files. */
const inHeader = (random: Random, bytes: Buffer): number =>
  Math.floor((random() * bytes.length) / 512) * 512 + Math.floor(random() * 300)

const changes: readonly Change[] = [
  (random, bytes) => bytes.subarray(0, at(random, bytes)),
  (random, bytes, others) => {
    const other = pick(random, others)
    return Buffer.concat([bytes.subarray(0, at(random, bytes)), other.subarray(at(random, other))])
  },
  (random, bytes) => {
    const from = at(random, bytes)
    const part = bytes.subarray(from, from + 1 + Math.floor(random() * 2_000))
    return Buffer.concat([bytes.subarray(0, from), part, bytes.subarray(from)])
  },
  ...[at, inHeader].map(
    (place): Change =>
      (random, bytes) => {
        const copy = Buffer.from(bytes)
        for (let count = 1 + Math.floor(random() ** 3 * 20); count > 0; count--) {
          const index = place(random, copy)
          if (index < copy.length) copy[index] = Math.floor(random() * 256)
        }
        return copy
      },
  ),
  (random, bytes) => {
    const copy = Buffer.from(bytes)
    const start = Math.floor(inHeader(random, copy) / 512) * 512
    const header = copy.subarray(start, start + 512)
    if (header.length < 512) return copy
    const [offset, size] = pick(random, [
      [0, 100],
      [124, 12],
      [156, 1],
      [157, 100],
      [345, 155],
    ] as const)
    for (let i = 0; i < size; i++)
      if (random() < 0.3) header[offset + i] = Math.floor(random() * 256)
    header.fill(' ', 148, 156)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return copy
  },
]

function makeSeeds(): readonly Buffer[] {
  const image = makeImage({ attestations: true })
  const saved = makeSingleImage({ flavour: 'docker', layers: [10, 2_000] })
  const layout = layoutOf([{ image, annotations: fullName('docker.io/lab/bb:v1') }])
  const base = { id: image.digest, name: 'base.tar', blobs: [image.digest] }
  const note = encodeNote({ blobs: [...image.blobs.keys()], needs: [], earlier: [base] })
  const plain = [
    tar(layout),
    tar([{ name: bundleNotePath, data: note }, ...layout]),
    tar(savedOf([{ image: saved, tags: ['lab/saved:v1'] }])),
  ]
  return [
    ...plain,
    ...plain.map(bytes => gzipSync(bytes)),
    ...plain.map(bytes => zstdCompressSync(bytes)),
  ]
}

/** Imports damaged archives for a bounded time: each is imported whole or refused whole, in time and in bounded memory. */
export async function fuzzArchives(random: Random, forMs: number): Promise<string> {
  const endMs = performance.now() + forMs
  const seeds = makeSeeds()
  const before = process.memoryUsage.rss()
  const counts = new Map<string, number>()
  while (performance.now() < endMs) {
    let bytes = pick(random, seeds)
    for (let count = 1 + Math.floor(random() ** 2 * 4); count > 0; count--) {
      bytes = pick(random, changes)(random, bytes, seeds)
    }
    const outcome = await tryArchive(bytes)
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
    claim(process.memoryUsage.rss() - before < maxGrowth, 'memory is bounded')
  }
  return [...counts].map(([outcome, count]) => `${outcome} ${count}`).join(', ')
}

async function tryArchive(bytes: Buffer): Promise<string> {
  const node = await createImporting()
  const startedMs = performance.now()
  let outcome = 'imported'
  try {
    const { images } = await node.import(bytes)
    claim(images.length > 0, 'something was imported')
    for (const { digest } of images) claim(node.store.stat(digest) !== undefined, 'it is held')
  } catch (error) {
    if (!(error instanceof ArchiveRefusal)) throw error
    outcome = error.code
    claim(node.digests().length === 0, 'nothing stays of what is refused')
    claim(node.ledger.list({ limit: 1 }).length === 0, 'no tag of it is known')
  }
  claim(performance.now() - startedMs < maxImportMs, `done within ${maxImportMs} ms`)
  return outcome
}
