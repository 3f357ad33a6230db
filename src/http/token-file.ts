import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { Clock } from '../ports/clock.ts'

/** What a holder of a token may do: ask, or ask and change. */
export type TokenRole = 'read' | 'write'

/** A line of a token file. */
export interface TokenLine {
  readonly token: string
  readonly role: TokenRole
  /** Whom it was given to, for the audit log. */
  readonly name: string
}

/** Who holds a token, without the token. */
export type TokenHolder = Omit<TokenLine, 'token'>

/** Tokens that lie in a file, one a line, so that a new one can be added before the old one is taken away. */
export interface TokenFile {
  readonly path: string
  /** Whose token this is now; `undefined`: none of them. Takes the same time whatever the token. */
  holderOf(token: string): TokenHolder | undefined
}

/** How long the file is trusted not to have changed, in ms. */
const recheckMs = 1000

interface Known {
  readonly hash: Buffer
  readonly holder: TokenHolder
}

/**
 * Watches a token file by looking at it at most once a second, which also sees the swapped link of a Kubernetes secret. A file that
 * cannot be read, or holds nothing, admits nobody; it may appear later.
 */
export function createTokenFile(path: string, { clock }: { readonly clock: Clock }): TokenFile {
  let known: readonly Known[] = []
  let version = ''
  let checkedAtMs = Number.NEGATIVE_INFINITY

  function refresh(): void {
    const nowMs = clock.monotonicMs()
    if (nowMs - checkedAtMs < recheckMs) return
    checkedAtMs = nowMs
    const found = statSync(path, { throwIfNoEntry: false })
    const seen = found === undefined ? '' : `${found.ino}:${found.size}:${found.mtimeMs}`
    if (seen === version) return
    known = seen === '' ? [] : readTokens(path).map(hashed)
    version = seen
  }

  return {
    path,
    holderOf(token) {
      try {
        refresh()
      } catch {
        // Unreadable, or gone between two calls: nobody is admitted until it can be read.
        known = []
        version = ''
      }
      const given = sha256(token)
      let holder: TokenHolder | undefined
      // Hashes have one length, which timingSafeEqual needs; every token is compared, so that the time tells nothing.
      for (const one of known) if (timingSafeEqual(one.hash, given)) holder ??= one.holder
      return holder
    },
  }
}

const hashed = ({ token, role, name }: TokenLine): Known => ({
  hash: sha256(token),
  holder: { role, name },
})

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

/**
 * The tokens of a file, one a line: `TOKEN [read|write [NAME]]`. Without a role the holder may write; without a name he is called after
 * the line; of a longer one the first hundred characters count. What begins with `#` is none, nor is a line with another word in the place of the role: it admits nobody. Throws when the
 * file cannot be read.
 */
export function readTokens(path: string): readonly TokenLine[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line, index) => parseLine(line.trim(), index + 1))
    .filter(line => line !== undefined)
}

/** Of a name, in characters: it is the author of pins and goes to other nodes, which take no longer ones. */
const maxName = 100

function parseLine(line: string, number: number): TokenLine | undefined {
  const [token = '', role = 'write', ...name] = line.split(/\s+/)
  if (token === '' || token.startsWith('#') || (role !== 'read' && role !== 'write'))
    return undefined
  return { token, role, name: name.join(' ').slice(0, maxName) || `token ${number}` }
}
