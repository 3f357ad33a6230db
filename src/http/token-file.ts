import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { Clock } from '../ports/clock.ts'

/** Tokens that lie in a file, one a line, so that a new one can be added before the old one is taken away. */
export interface TokenFile {
  readonly path: string
  /** Whether this is one of the tokens now. Takes the same time whatever the token. */
  accepts(token: string): boolean
}

/** How long the file is trusted not to have changed, in ms. */
const recheckMs = 1000

/**
 * Watches a token file by looking at it at most once a second, which also sees the swapped link of a Kubernetes secret. A file that
 * cannot be read, or holds nothing, admits nobody; it may appear later.
 */
export function createTokenFile(path: string, { clock }: { readonly clock: Clock }): TokenFile {
  let hashes: readonly Buffer[] = []
  let version = ''
  let checkedAtMs = Number.NEGATIVE_INFINITY

  function refresh(): void {
    const nowMs = clock.monotonicMs()
    if (nowMs - checkedAtMs < recheckMs) return
    checkedAtMs = nowMs
    const found = statSync(path, { throwIfNoEntry: false })
    const seen = found === undefined ? '' : `${found.ino}:${found.size}:${found.mtimeMs}`
    if (seen === version) return
    hashes = seen === '' ? [] : readTokens(path).map(sha256)
    version = seen
  }

  return {
    path,
    accepts: token => {
      try {
        refresh()
      } catch {
        // Unreadable, or gone between two calls: nobody is admitted until it can be read.
        hashes = []
        version = ''
      }
      const given = sha256(token)
      // Hashes have one length, which timingSafeEqual needs; every token is compared, so that the time tells nothing.
      return hashes.reduce((found, known) => timingSafeEqual(known, given) || found, false)
    },
  }
}

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/** The tokens of a file, one a line; what begins with `#` is none. Throws when it cannot be read. */
export function readTokens(path: string): readonly string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('#'))
}
