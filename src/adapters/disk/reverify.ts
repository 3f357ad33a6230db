import { setTimeout } from 'node:timers/promises'
import { type Digest, digestAlgorithm, digestHex } from '../../oci/digest.ts'
import { hashFile, inlineBytes } from './content-hash.ts'
import type { FileHasher } from './hasher.ts'
import type { OpenFile } from './open-file.ts'

/** How often a slow hash is let on, in ms. */
const stepMs = 100

/**
 * Whether a file still hashes to its digest, read at most `bytesPerSecond` fast so that serving does not feel it.
 *
 * @throws the signal's reason when it ends this; an error of the operating system when the file cannot be read
 */
export async function matchesSlowly(
  hasher: FileHasher,
  file: OpenFile,
  path: string,
  digest: Digest,
  options: { readonly bytesPerSecond: number; readonly signal: AbortSignal },
): Promise<boolean> {
  options.signal.throwIfAborted()
  const { openedSize: size } = file
  if (size <= inlineBytes) {
    await pause(size, options)
    return (await hashFile(file, digestAlgorithm(digest), size)) === digestHex(digest)
  }
  const hash = hasher.follow(path, digestAlgorithm(digest))
  try {
    const step = Math.max(64 * 1024, Math.ceil((options.bytesPerSecond * stepMs) / 1000))
    for (let at = step; at < size; at += step) {
      hash.advance(at)
      await pause(step, options)
    }
  } catch (error) {
    hash.stop()
    throw error
  }
  const hex = await hash.finish(size).catch(() => undefined) // reading it here tells why
  return (hex ?? (await hashFile(file, digestAlgorithm(digest), size))) === digestHex(digest)
}

async function pause(
  bytes: number,
  { bytesPerSecond, signal }: { readonly bytesPerSecond: number; readonly signal: AbortSignal },
): Promise<void> {
  const ms = (bytes / bytesPerSecond) * 1000
  if (ms >= 1) await setTimeout(ms, undefined, { signal })
}
