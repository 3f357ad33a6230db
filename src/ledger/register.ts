import { digestHex, digestOf } from '../oci/digest.ts'
import { kindNumbers } from './encode-record.ts'
import type { RecordKind } from './record.ts'

/** Hex digits of the key's hash in a register's; the last digit is the kind. */
const keyDigits = 11

/**
 * Names a register, the records of one key and kind, in 12 hex digits: 11 of the key's SHA-256 and the kind's number. All registers of
 * a key so lie side by side, and a use travels with the observation that it keeps from ageing out.
 */
export function registerOf(kind: RecordKind, key: string): string {
  return keyHash(key) + kindNumbers[kind].toString(16)
}

/** The leaf of the fingerprint that a key's registers belong to: the first 12 bits of its hash. */
export function leafOf(key: string): number {
  return Number.parseInt(keyHash(key).slice(0, 3), 16)
}

/** The leaf a register belongs to. */
export function leafOfRegister(register: string): number {
  return Number.parseInt(register.slice(0, 3), 16)
}

const keyHash = (key: string): string => digestHex(digestOf(Buffer.from(key))).slice(0, keyDigits)
