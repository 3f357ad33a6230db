import { constants } from 'node:crypto'
import type { PeerIdentity } from './certificate.ts'

/** What both ends demand of TLS. */
export function tlsTerms({ cert, key }: PeerIdentity) {
  return {
    cert,
    key,
    minVersion: 'TLSv1.3',
    // A kept session would be a connection whose handshake proved less.
    secureOptions: constants.SSL_OP_NO_TICKET,
    // There is no authority: what counts is the key, and each side looks at the other's.
    rejectUnauthorized: false,
    // So that a later protocol can tell itself apart.
    ALPNProtocols: ['holdfast-peer/1'],
  } as const
}

/** Terms that both ends share. */
export type TlsTerms = ReturnType<typeof tlsTerms>
