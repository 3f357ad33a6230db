import { createPublicKey, type KeyObject, sign, type X509Certificate } from 'node:crypto'
import type { NodeId } from '../../ports/node-id.ts'
import {
  bitString,
  explicit,
  generalizedTime,
  integer,
  objectId,
  sequence,
  setOf,
  utcTime,
  utf8String,
} from './der.ts'

/** What a node shows on the peer port. */
export interface PeerIdentity {
  readonly id: NodeId
  /** PEM, as are the keys that TLS takes. */
  readonly cert: string
  readonly key: string
}

/** Bytes of a raw Ed25519 public key; in SPKI it comes last. Source: https://www.rfc-editor.org/rfc/rfc8410#section-4 */
const publicKeyBytes = 32
const spkiBytes = 44

/**
 * Makes the certificate of a node's Ed25519 key: signed by itself and valid for all time, because nothing of it counts but the key. A
 * node without a clock must be able to use it.
 */
export function createPeerIdentity(privateKey: KeyObject): PeerIdentity {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const id = spki.subarray(-publicKeyBytes).toString('hex')
  const ed25519 = sequence(objectId(1, 3, 101, 112))
  const commonName = objectId(2, 5, 4, 3)
  const name = sequence(setOf(sequence(commonName, utf8String(id))))
  // Source: https://www.rfc-editor.org/rfc/rfc5280#section-4.1
  const toSign = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(spki.subarray(-16)),
    ed25519,
    name,
    // The last moment means "no expiry": https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5
    sequence(utcTime('000101000000Z'), generalizedTime('99991231235959Z')),
    name,
    spki,
  )
  const certificate = sequence(toSign, ed25519, bitString(sign(null, toSign, privateKey)))
  return {
    id,
    cert: pemOf(certificate),
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  }
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

/** Whose certificate this is, by its key alone; TLS has proven that the other side has that key. `undefined`: not of a node. */
export function nodeIdOf(certificate: X509Certificate | undefined): NodeId | undefined {
  if (certificate?.publicKey.asymmetricKeyType !== 'ed25519') return undefined
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return spki.length === spkiBytes ? spki.subarray(-publicKeyBytes).toString('hex') : undefined
}
