import { createHash } from 'node:crypto'
import type { ClusterKey } from '../../ports/cluster-keys.ts'
import { HoldfastError } from '../../ports/errors.ts'

/** The least that nobody can guess. */
const minKeyBytes = 16
/** Two or three while a key is changed; each one more is a question more in every handshake. */
const maxKeys = 8

/** A line of a key file, as it stands. */
export interface KeyLine {
  /** From 1. */
  readonly number: number
  readonly text: string
}

/** The lines of a key file that are keys or mean to be. */
export function keyLines(text: string): readonly KeyLine[] {
  return text
    .split('\n')
    .map((line, index) => ({ number: index + 1, text: line.trim() }))
    .filter(line => line.text !== '' && !line.text.startsWith('#'))
}

/** Reads a key file. Throws `HoldfastError` with `config-invalid`, which names `path` and line and never tells what stands there. */
export function parseKeys(text: string, path: string): readonly ClusterKey[] {
  const lines = keyLines(text)
  const keys = new Map<string, ClusterKey>()
  for (const line of lines) {
    const key = keyOf(line, path)
    // The same key twice is one key.
    if (!keys.has(key.id)) keys.set(key.id, key)
  }
  if (keys.size === 0) {
    throw new HoldfastError('config-invalid', `${path} holds no cluster key; ${cure}`)
  }
  if (keys.size > maxKeys) {
    throw new HoldfastError(
      'config-invalid',
      `${path} holds ${keys.size} cluster keys: ${maxKeys} are the most, and one is enough while none is being changed`,
    )
  }
  return [...keys.values()]
}

const cure = '`holdfast mesh secret` makes one'

/** The key that a line is. Throws `HoldfastError` with `config-invalid`. */
export function keyOf({ number, text }: KeyLine, path: string): ClusterKey {
  const refuse = (what: string): HoldfastError =>
    new HoldfastError(
      'config-invalid',
      `${path} line ${number} is no cluster key: ${what}; ${cure}`,
    )
  if (text.length < 32 || text.length > 128) throw refuse('a key has 32 to 128 characters')
  const secret = decode(text)
  if (secret === undefined) throw refuse('a key is hexadecimal or base64url')
  if (secret.length < minKeyBytes) throw refuse(`a key has ${minKeyBytes} bytes or more`)
  // Sixteen random bytes have fewer than eight different ones once in 10^13 times; words and repetitions often.
  if (new Set(secret).size < minKeyBytes / 2) throw refuse('it is not random')
  return { id: idOf(secret), secret }
}

function decode(text: string): Uint8Array | undefined {
  if (/^[0-9a-f]+$/i.test(text)) {
    return text.length % 2 === 0 ? Buffer.from(text, 'hex') : undefined
  }
  const isBase64Url = /^[\w-]+$/.test(text) && text.length % 4 !== 1
  return isBase64Url ? Buffer.from(text, 'base64url') : undefined
}

/** Eight digits of a hash of the whole: they tell keys apart, and of the key nothing that could be used. */
function idOf(secret: Uint8Array): string {
  return createHash('sha256')
    .update('holdfast cluster key id 1\n')
    .update(secret)
    .digest('hex')
    .slice(0, 8)
}
