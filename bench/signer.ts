import { generateKeyPairSync } from 'node:crypto'
import { signBody } from '../src/adapters/sqlite/identity.ts'
import { encodeRecord } from '../src/ledger/encode-record.ts'
import type { ObservationSource, SignedRecord } from '../src/ledger/record.ts'
import type { Digest } from '../src/oci/digest.ts'

/** A made-up digest. */
export const digestNumber = (i: number): Digest =>
  `sha256:${i.toString(16).padStart(64, '0')}` as Digest

/** Signs what a node that nobody knows saw: a key at any digest. */
export type Signer = (key: string, wallMs: number, source?: ObservationSource) => SignedRecord

/** A node with a key of its own. */
export function createSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const origin = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex')
  return (key, wallMs, source = 'upstream') => {
    const body = encodeRecord(
      {
        kind: 'observation',
        key,
        target: {
          digest: digestNumber(Math.floor(Math.random() * 2 ** 48)),
          mediaType: 'application/vnd.oci.image.index.v1+json',
          size: 1234,
        },
        stamp: { wallMs, counter: 0 },
        source,
        origin,
        removed: false,
        details: {},
        signed: undefined,
      },
      '',
    )
    return { body, signature: signBody(body, privateKey) }
  }
}
