import { openDiskStore } from '../../../src/adapters/disk/open-disk-store.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { contentFrom } from './support.ts'

/** What the process that is killed says: it begins with a blob, got a chunk into it, was told that it is held. */
export type CrashWord =
  | { readonly kind: 'begun' | 'held'; readonly seed: number; readonly size: number }
  | { readonly kind: 'step' }

/** Returns when the word has left this process, so that it arrives whatever happens next. */
function say(word: CrashWord): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(word, undefined, {}, error => (error ? reject(error) : resolve()))
  })
}

/** Sizes on both sides of what is hashed by the worker. */
function sizeOf(seed: number): number {
  return seed % 3 === 0 ? 3_000 + (seed % 50_000) : 100_000 + ((seed * 7919) % 3_000_000)
}

const [dir = '', firstSeed = '0'] = process.argv.slice(2)
const store = await openDiskStore({ dir, log: silentLog, quotaBytes: 2 ** 40, minFreeBytes: 0 })
let seed = Number(firstSeed)

async function writeForEver(): Promise<never> {
  for (;;) {
    seed += 1
    await writeOne(seed, sizeOf(seed))
  }
}

async function writeOne(mine: number, size: number): Promise<void> {
  const { content, digest } = contentFrom(mine, size)
  await say({ kind: 'begun', seed: mine, size })
  if (mine % 3 === 0) {
    await store.put(digest, content)
  } else {
    const writer = await store.write(digest, mine % 2 === 0 ? size : undefined)
    for (let at = writer.offset; at < size; at += 64 * 1024) {
      await writer.write(content.subarray(at, at + 64 * 1024))
      await say({ kind: 'step' })
    }
    await writer.commit()
    await writer.release()
  }
  await say({ kind: 'held', seed: mine, size })
}

await Promise.all([writeForEver(), writeForEver(), writeForEver()])
