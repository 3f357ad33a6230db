import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { SignedRecord } from '../../ledger/record.ts'
import type { Log } from '../../ports/log.ts'
import type { NodeSignature, SignaturePurpose } from '../../ports/node-signature.ts'
import { asideName, isMissing, writeFileAtomically } from './durable-file.ts'
import { type Machine, releaseForeignKey } from './machine-binding.ts'

/** Who this node is: an Ed25519 key pair. */
export interface Identity {
  readonly privateKey: KeyObject
  /** The raw public key, hex: the origin of this node's records. */
  readonly origin: string
}

/** Goes before the signed bytes, so that no signature made for another purpose passes for this one's. */
const purposes = {
  record: Buffer.from('holdfast record 1\n'),
  hello: Buffer.from('holdfast hello 1\n'),
  bye: Buffer.from('holdfast bye 1\n'),
} as const satisfies Record<SignaturePurpose | 'record', Buffer>

/** The fixed head of an Ed25519 public key in SPKI. Source: https://www.rfc-editor.org/rfc/rfc8410#section-4 */
const spkiHead = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * The node's key from `node.key` (PKCS #8 PEM, 0600), made at the first start. A damaged one is moved aside and a new one made: the
 * node then is a new origin, which costs nothing but its name. So is one from another machine. Where it cannot be written the new key lives as long as the process.
 */
export function openIdentity(
  dataDir: string,
  log: Log,
  nowMs: number,
  machine: Machine = {},
): Identity {
  const file = join(dataDir, 'node.key')
  releaseForeignKey(file, machine, { log, nowMs })
  const existing = readIdentity(file, log, nowMs)
  if (existing !== undefined) return existing
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
  try {
    writeFileAtomically(file, Buffer.from(pem), 0o600)
  } catch (err) {
    log.error({ file, err }, 'node key not written: this node has another identity after a restart')
  }
  return { privateKey, origin: originOf(privateKey) }
}

function readIdentity(file: string, log: Log, nowMs: number): Identity | undefined {
  try {
    const privateKey = createPrivateKey(readFileSync(file))
    if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('not an Ed25519 key')
    return { privateKey, origin: originOf(privateKey) }
  } catch (err) {
    if (isMissing(err)) return undefined
    const aside = asideName(file, nowMs)
    log.error({ file, aside, err }, 'node key is damaged: moved aside, a new one is made')
    try {
      renameSync(file, aside)
    } catch (err) {
      log.error({ file, err }, 'damaged node key not moved aside')
    }
    return undefined
  }
}

function originOf(privateKey: KeyObject): string {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  return spki.subarray(spkiHead.length).toString('hex')
}

/** Signs a record's bytes. */
export function signBody(body: Uint8Array, privateKey: KeyObject): Uint8Array {
  return signFor('record', body, privateKey)
}

/** Public keys of origins kept ready; making one costs as much as a check. */
const keptKeys = 1_000
const keys = new Map<string, KeyObject>()

function keyOf(origin: string): KeyObject {
  const known = keys.get(origin)
  if (known !== undefined) return known
  const der = Buffer.concat([spkiHead, Buffer.from(origin, 'hex')])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  const oldest = keys.size < keptKeys ? undefined : keys.keys().next().value
  if (oldest !== undefined) keys.delete(oldest)
  keys.set(origin, key)
  return key
}

/** Whether `origin` (hex) signed these bytes as a record. Never throws. */
export function isSignedBy({ body, signature }: SignedRecord, origin: string): boolean {
  return isSignedFor('record', body, signature, origin)
}

/** As {@link isSignedBy}, beside this thread. Never rejects. */
export function verifySignature(
  { body, signature }: SignedRecord,
  origin: string,
): Promise<boolean> {
  return new Promise(resolve => {
    try {
      const signed = Buffer.concat([purposes.record, body])
      verify(null, signed, keyOf(origin), signature, (err, isGood) => resolve(!err && isGood))
    } catch {
      resolve(false)
    }
  })
}

/** Signs as this node whatever is no record. */
export function createNodeSignature({ origin, privateKey }: Identity): NodeSignature {
  return {
    self: origin,
    sign: (purpose, bytes) => signFor(purpose, bytes, privateKey),
    isSignedBy: (id, purpose, bytes, signature) => isSignedFor(purpose, bytes, signature, id),
  }
}

type Purpose = keyof typeof purposes

function signFor(purpose: Purpose, bytes: Uint8Array, privateKey: KeyObject): Uint8Array {
  return sign(null, Buffer.concat([purposes[purpose], bytes]), privateKey)
}

function isSignedFor(
  purpose: Purpose,
  bytes: Uint8Array,
  signature: Uint8Array,
  origin: string,
): boolean {
  try {
    return verify(null, Buffer.concat([purposes[purpose], bytes]), keyOf(origin), signature)
  } catch {
    return false
  }
}
