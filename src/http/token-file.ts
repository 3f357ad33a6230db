import { createHash, timingSafeEqual } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { type NamedFile, parseTokens, type TokenLine, unfit } from './token-lines.ts'

/** Who holds a token, without the token. */
export type TokenHolder = Omit<TokenLine, 'token'>

/** Tokens that lie in a file, one a line, so that a new one can be added before the old one is taken away. */
export interface TokenFile {
  /** Whose token this is now; `undefined`: none of them. Takes the same time whatever the token. */
  holderOf(token: string): TokenHolder | undefined
  /** Why the file as it is now is not taken, and the tokens of before stay; `undefined`: it is. */
  failure(): string | undefined
}

/** How long the file is trusted not to have changed, in ms. */
const recheckMs = 1000
/** A file of tokens is some hundred bytes; what is longer is another file. */
const maxFileBytes = 64 * 1024

interface Known {
  readonly hash: Buffer
  readonly holder: TokenHolder
}

/**
 * Opens a token file and looks at it again whenever it is needed, at most once a second, which also sees the swapped link of a Kubernetes
 * secret. Throws `HoldfastError` with `config-invalid` when it holds none to begin with, or anything that is no token. Afterwards a file that
 * is gone, unreadable or wrong changes nothing and is told once: operators must not be locked out while somebody saves a file. A file that is
 * half written and right by chance lasts until the next look.
 */
export function openTokenFile(
  file: NamedFile,
  { clock, log }: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly log: Log },
): TokenFile {
  const { path } = file
  let version = versionOf(path)
  let known = readTokens(file).map(hashed)
  let checkedAtMs = clock.monotonicMs()
  let failure: string | undefined

  function look(): void {
    const seen = versionOf(path)
    if (seen === version && failure === undefined) return
    known = readTokens(file).map(hashed)
    version = seen
    failure = undefined
    const holders = known.map(({ holder }) => `${holder.name} (${holder.role})`)
    log.info({ file: path, holders }, 'the tokens are those of the file as it is now')
  }

  function refresh(): void {
    const nowMs = clock.monotonicMs()
    if (nowMs - checkedAtMs < recheckMs) return
    checkedAtMs = nowMs
    try {
      look()
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (reason !== failure) {
        log.warn({ file: path, reason }, 'tokens not read: those of before stay in force')
      }
      failure = reason
    }
  }

  return {
    holderOf(token) {
      refresh()
      const given = sha256(token)
      let holder: TokenHolder | undefined
      // Hashes have one length, which timingSafeEqual needs; every token is compared, so that the time tells nothing.
      for (const one of known) if (timingSafeEqual(one.hash, given)) holder ??= one.holder
      return holder
    },
    failure() {
      refresh()
      return failure
    },
  }
}

/** Changes with what the file holds, with who may read it, and when another takes its place. */
function versionOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false })
  return found === undefined ? '' : [found.ino, found.size, found.mtimeMs, found.ctimeMs].join()
}

const hashed = ({ token, role, name }: TokenLine): Known => ({
  hash: sha256(token),
  holder: { role, name },
})

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/** The tokens of a file. Throws `HoldfastError` with `config-invalid`, which says what to do. */
export function readTokens(file: NamedFile): readonly TokenLine[] {
  return parseTokens(readText(file), file)
}

function readText(file: NamedFile): string {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file.path, 'r')
    const bytes = Buffer.alloc(maxFileBytes + 1)
    const length = readSync(descriptor, bytes, 0, bytes.length, 0)
    if (length <= maxFileBytes) return bytes.toString('utf8', 0, length)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw unfit(
      file,
      code === 'ENOENT' ? 'is not there' : `cannot be read (${code ?? cause})`,
      cause,
    )
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
  throw unfit(file, 'is too long for a file of tokens')
}
