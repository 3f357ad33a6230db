import { readFileSync } from 'node:fs'
import { rename, stat, writeFile } from 'node:fs/promises'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import type { Log } from '../../ports/log.ts'
import { createContentHash } from './content-hash.ts'
import type { FileHasher } from './hasher.ts'
import { type OpenFile, stateOf } from './open-file.ts'

/** Which files hash to their digests. What is on a disk may change without us: by a hand, a failing card, a restored backup. */
export interface SoundFiles {
  /** What lies under this path has just been verified. */
  remember(digest: Digest, path: string): Promise<void>
  /** Nobody has touched the file since it was last found to hash to its digest. */
  isKnown(digest: Digest, file: OpenFile): boolean
  /**
   * Whether the file hashes to its digest: from memory when nobody has touched it since that was last found out, else found out now,
   * which takes as long as reading it. Rejects when it cannot be read.
   */
  isSound(digest: Digest, path: string, file: OpenFile): Promise<boolean>
  forget(digest: Digest): void
  /** Writes down what was verified, so that a restart need not read everything again. Never rejects: it can be found out anew. */
  save(): Promise<void>
}

/** One digest and the state of its file a line. */
const lineOf = (digest: string, state: string) => `${digest} ${state}\n`

/**
 * Makes the memory, out of what `memoryFile` holds of an earlier run. A blob that is not in it (the node was killed), or whose file was
 * touched since, is verified when it is first wanted.
 */
export function createSoundFiles(parts: {
  readonly hasher: FileHasher
  readonly log: Log
  readonly memoryFile: string
}): SoundFiles {
  const sound = readMemory(parts.memoryFile)
  const verifying = new Map<string, Promise<boolean>>()

  async function verify(digest: Digest, path: string, file: OpenFile): Promise<boolean> {
    const { openedSize: size, state } = file
    const isSound = await createContentHash(parts, file, path, digest, size).matches(size)
    if (isSound) sound.set(digest, state)
    return isSound
  }

  const isKnown = (digest: Digest, file: OpenFile) => sound.get(digest) === file.state

  return {
    isKnown,
    async remember(digest, path) {
      sound.set(digest, stateOf(await stat(path)))
    },
    async isSound(digest, path, file) {
      if (isKnown(digest, file)) return true
      const key = `${digest} ${file.state}`
      const running = verifying.get(key)
      if (running !== undefined) return running
      const found = verify(digest, path, file).finally(() => verifying.delete(key))
      verifying.set(key, found)
      return found
    },
    forget: digest => void sound.delete(digest),
    async save() {
      const temporary = `${parts.memoryFile}.new`
      const lines = [...sound].map(([digest, state]) => lineOf(digest, state))
      try {
        await writeFile(temporary, lines.join(''), { mode: 0o600 })
        await rename(temporary, parts.memoryFile)
      } catch (err) {
        parts.log.debug({ err }, 'what was verified is not written down')
      }
    },
  }
}

function readMemory(path: string): Map<Digest, string> {
  const sound = new Map<Digest, string>()
  for (const line of readLines(path)) {
    const at = line.indexOf(' ')
    const digest = parseDigest(line.slice(0, at))
    if (digest !== undefined) sound.set(digest, line.slice(at + 1))
  }
  return sound
}

/** A memory that cannot be read is none. */
function readLines(path: string): readonly string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}
