import { decodeCbor, encodeCbor } from '../ledger/cbor.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import { formatRepository, parseReference, type Repository } from '../oci/reference.ts'
import { type PeerAnswer, PeerFailure, type PeerManifest } from '../ports/peer-port.ts'
import { isAbsent } from './absent.ts'
import type { GetManifest } from './got-manifest.ts'

/** Subject on the peer port: a manifest from the registry, for a node that does not reach it. */
export const relaySubject = 'pull/manifest'
/** Largest answer, bytes. */
export const maxRelayedBytes = maxManifestBytes + 1024
const maxTypeLength = 255

/** A question for a manifest. */
export function encodeManifestQuestion(repository: Repository, digest: Digest): Uint8Array {
  return encodeCbor([formatRepository(repository), digest])
}

function decodeManifestQuestion(
  bytes: Uint8Array,
): { readonly repository: Repository; readonly digest: Digest } | undefined {
  const [name, text] = read(bytes)
  if (typeof name !== 'string' || typeof text !== 'string') return undefined
  const digest = parseDigest(text)
  if (digest === undefined) return undefined
  try {
    const { registry, repository } = parseReference(`${name}@${digest}`)
    const asked = { registry, repository }
    return formatRepository(asked) === name ? { repository: asked, digest } : undefined
  } catch {
    return undefined
  }
}

/** The manifest in an answer, not verified; `undefined` when there is none. Never throws. */
export function decodeRelayed(bytes: Uint8Array): PeerManifest | undefined {
  const [mediaType, body] = read(bytes)
  if (typeof mediaType !== 'string' || mediaType.length > maxTypeLength) return undefined
  return body instanceof Uint8Array ? { mediaType, bytes: Buffer.from(body) } : undefined
}

/** Answers such questions from the store or the registry, never from a third node. */
export function createManifestRelay(getForPeer: GetManifest): PeerAnswer {
  return async (question, _from, signal) => {
    const asked = decodeManifestQuestion(question)
    if (asked === undefined) throw new PeerFailure('protocol', 'no question for a manifest')
    const got = await getForPeer(asked.repository, asked.digest, signal)
    if (isAbsent(got)) throw new PeerFailure('absent', got.reason)
    return encodeCbor([got.mediaType, got.bytes])
  }
}

function read(bytes: Uint8Array): readonly unknown[] {
  const value = decodeCbor(bytes)
  return Array.isArray(value) && value.length === 2 ? value : []
}
