import { generateKeyPairSync } from 'node:crypto'
import { isSignedBy, signBody } from '../../src/adapters/sqlite/identity.ts'
import { encodeRecord } from '../../src/ledger/encode-record.ts'
import { operatorRecord } from '../../src/ledger/own-record.ts'
import type { LedgerRecord, SignedRecord } from '../../src/ledger/record.ts'
import { formatTag } from '../../src/oci/reference.ts'
import { image, nginx } from '../ports/tag-ledger.support.ts'

/** Who signs, and who is believed to have signed. */
export interface Signer {
  readonly origin: string
  sign(body: Uint8Array): Uint8Array
  verify(signed: SignedRecord, origin: string): boolean
}

/** A key pair of its own. */
export function createSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    origin: publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex'),
    sign: body => signBody(body, privateKey),
    verify: isSignedBy,
  }
}

/** Another node: signs what it is told to. */
export function makePeer(clusterId = '', signer = createSigner()) {
  const { origin } = signer
  const sign = (record: LedgerRecord): SignedRecord => {
    const body = encodeRecord({ ...record, origin }, clusterId)
    return { body, signature: signer.sign(body) }
  }
  const word = (
    kind: LedgerRecord['kind'],
    name: string | undefined,
    wallMs: number,
    details: LedgerRecord['details'] = {},
    of = formatTag(nginx),
  ) => {
    const target = name === undefined ? undefined : image(name)
    const removed = kind === 'pin' && target === undefined
    const stamp = { wallMs, counter: 0 }
    return operatorRecord(kind, of, target, origin, stamp, removed, details)
  }
  return {
    origin,
    sign,
    signer,
    observe: (name: string, wallMs: number, of = formatTag(nginx)) =>
      sign({ ...word('observation', name, wallMs, {}, of), source: 'upstream' }),
    pin: (name: string | undefined, wallMs: number, details: LedgerRecord['details'] = {}) =>
      sign(word('pin', name, wallMs, details)),
    use: (wallMs: number, of = formatTag(nginx)) => sign(word('use', undefined, wallMs, {}, of)),
  }
}
