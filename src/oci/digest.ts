import { hash } from 'node:crypto'

declare const brand: unique symbol

/**
 * A validated content digest: `sha256:` and 64, or `sha512:` and 128, lower-case hex digits. Only {@link parseDigest} and
 * {@link digestOf} make one. Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
 */
export type Digest = string & { readonly [brand]: 'digest' }

/** The registered digest algorithms; both are SHA-2. */
export type DigestAlgorithm = 'sha256' | 'sha512'

const grammar = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

const isDigest = (text: string): text is Digest => grammar.test(text)

/** Reads a digest. `undefined` for anything else: other algorithms, upper case, a wrong length, surrounding space. */
export function parseDigest(text: string): Digest | undefined {
  return isDigest(text) ? text : undefined
}

/** The algorithm a digest names. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256'
}

/** The hex digits of a digest, without its algorithm. */
export function digestHex(digest: Digest): string {
  return digest.slice('sha256:'.length)
}

/** The digest of bytes that are in memory; synchronous, so meant for manifests and tests, not for layers. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = 'sha256'): Digest {
  return `${algorithm}:${hash(algorithm, bytes, 'hex')}` as Digest
}
