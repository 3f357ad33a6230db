import { decodeCbor, encodeCbor, isBytes, isCount } from '../ledger/cbor.ts'
import { maxHelloBytes, type SignedHello } from './hello.ts'

/** First byte of a message on the bus. */
export const helloType = 2
/** First byte of a message on the bus. */
export const byeType = 3

/** Most hellos in one message, greeting or page; they fit on the bus when each has its usual size. */
export const maxHellosTogether = 65

/** A hello as one node tells another of it. */
export interface ToldHello extends SignedHello {
  /** How long ago its node was heard last, ms, as far as the teller knows. */
  readonly ageMs: number
}

/** What two nodes tell each other when they meet. */
export interface Greeting {
  /** The first is the teller's own. */
  readonly hellos: readonly ToldHello[]
  /** Members that the teller knows. */
  readonly members: number
}

const signatureBytes = 64
/** Older than this is as good as never. */
const maxAgeMs = 2 ** 40

/** A message of hellos for the bus. */
export function encodeHellos(hellos: readonly ToldHello[]): Uint8Array {
  return withType(helloType, encodeCbor(hellos.map(encodeTold)))
}

/** A bye for the bus. */
export function encodeByeMessage(signed: SignedHello): Uint8Array {
  return withType(byeType, encodeCbor([signed.body, signed.signature]))
}

/** Reads a message without its type byte; `undefined` when it is none. Never throws. */
export function decodeHellos(bytes: Uint8Array): readonly ToldHello[] | undefined {
  return readAllTold(decodeCbor(bytes))
}

/** Reads a message without its type byte; `undefined` when it is none. Never throws. */
export function decodeByeMessage(bytes: Uint8Array): SignedHello | undefined {
  const fields = decodeCbor(bytes)
  return Array.isArray(fields) ? readSigned(fields) : undefined
}

/** The bytes of a greeting or its answer. */
export function encodeGreeting({ hellos, members }: Greeting): Uint8Array {
  return encodeCbor([hellos.map(encodeTold), members])
}

/** Reads a greeting; `undefined` when it is none. Never throws. */
export function decodeGreeting(bytes: Uint8Array): Greeting | undefined {
  const fields = decodeCbor(bytes)
  if (!Array.isArray(fields)) return undefined
  const [told, members]: readonly unknown[] = fields
  const hellos = readAllTold(told)
  return hellos === undefined || !isCount(members) ? undefined : { hellos, members }
}

/** As many of the hellos, from the first, as fit into `maxBytes`. */
export function fitHellos(hellos: readonly ToldHello[], maxBytes: number): readonly ToldHello[] {
  // Heads of arrays, byte strings and the age.
  const overhead = 24
  let bytes = 16
  const fitting = hellos.findIndex(({ body, signature }) => {
    bytes += body.length + signature.length + overhead
    return bytes > maxBytes
  })
  return hellos.slice(0, fitting === -1 ? maxHellosTogether : Math.min(fitting, maxHellosTogether))
}

function withType(type: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(type), bytes])
}

const encodeTold = ({ body, signature, ageMs }: ToldHello): unknown => [
  body,
  signature,
  Math.min(Math.max(Math.round(ageMs), 0), maxAgeMs),
]

function readAllTold(value: unknown): readonly ToldHello[] | undefined {
  if (!Array.isArray(value) || value.length > maxHellosTogether) return undefined
  const told = value.map(readTold)
  return told.every(entry => entry !== undefined) ? told : undefined
}

function readTold(value: unknown): ToldHello | undefined {
  if (!Array.isArray(value)) return undefined
  const signed = readSigned(value)
  const ageMs: unknown = value[2]
  return signed === undefined || !isCount(ageMs, maxAgeMs) ? undefined : { ...signed, ageMs }
}

function readSigned([body, signature]: readonly unknown[]): SignedHello | undefined {
  if (!isBytes(body, 1, maxHelloBytes)) return undefined
  return isBytes(signature, signatureBytes, signatureBytes) ? { body, signature } : undefined
}
