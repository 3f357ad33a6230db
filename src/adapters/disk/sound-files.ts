import { stat } from 'node:fs/promises'
import type { Digest } from '../../oci/digest.ts'
import type { Log } from '../../ports/log.ts'
import { createContentHash } from './content-hash.ts'
import type { Hasher } from './hasher.ts'
import { type OpenFile, stateOf } from './open-file.ts'

/** Which files hash to their digests. What is on a disk may change without us: by a hand, a failing card, a restored backup. */
export interface SoundFiles {
  /** What lies under this path has just been verified. */
  remember(digest: Digest, path: string): Promise<void>
  /**
   * Whether the file hashes to its digest: from memory when nobody has touched it since that was last found out, else found out now,
   * which takes as long as reading it. Rejects when it cannot be read.
   */
  isSound(digest: Digest, path: string, file: OpenFile): Promise<boolean>
  forget(digest: Digest): void
}

/** Makes the memory, empty: after a start every blob is verified once, when it is first wanted. */
export function createSoundFiles(parts: {
  readonly hasher: Hasher
  readonly log: Log
}): SoundFiles {
  const sound = new Map<Digest, string>()
  const verifying = new Map<string, Promise<boolean>>()

  async function verify(digest: Digest, path: string, file: OpenFile): Promise<boolean> {
    const { openedSize: size, state } = file
    const isSound = await createContentHash(parts, file, path, digest, size).matches(size)
    if (isSound) sound.set(digest, state)
    return isSound
  }

  return {
    async remember(digest, path) {
      sound.set(digest, stateOf(await stat(path)))
    },
    async isSound(digest, path, file) {
      if (sound.get(digest) === file.state) return true
      const key = `${digest} ${file.state}`
      const running = verifying.get(key)
      if (running !== undefined) return running
      const found = verify(digest, path, file).finally(() => verifying.delete(key))
      verifying.set(key, found)
      return found
    },
    forget: digest => void sound.delete(digest),
  }
}
