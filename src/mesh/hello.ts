import { decodeCbor, encodeCbor, isBytes, isCount } from '../ledger/cbor.ts'
import type { NodeId } from '../ports/node-id.ts'

/** Of a hello's signed bytes. */
export const maxHelloBytes = 4 * 1024

/** How often a node says hello, ms: never beyond these, whatever it says. */
const shortestPeriodMs = 5_000
const longestPeriodMs = 600_000

/** Versions of the protocol that a node speaks, both included. */
export interface ProtocolRange {
  readonly lowest: number
  readonly highest: number
}

/** A node's idea of the time when it signed. */
export interface ClockWord {
  /** Trusted time, ms since the epoch. */
  readonly trustedMs: number
  /** Whose word it rests on; `undefined`: the node's own clock alone. */
  readonly source: 'registry' | 'peers' | undefined
}

/** What a node says of itself. */
export interface Hello {
  readonly id: NodeId
  readonly name: string
  readonly zone: string | undefined
  readonly platforms: readonly string[]
  /** `host:port` of its peer port, best first. */
  readonly peerAddresses: readonly string[]
  /** `host:port` of its mesh listener, best first. */
  readonly meshAddresses: readonly string[]
  /** Of the software. */
  readonly version: string
  readonly protocols: ProtocolRange
  /** Grows with each start of the node, and whenever it meets an old hello of its own that would beat this one. */
  readonly incarnation: number
  /** Grows with each hello of one incarnation. */
  readonly sequence: number
  /** Drawn anew at each start, 16 hex digits: two nodes with one key have two. */
  readonly nonce: string
  /** Nonce of another node with this node's key, of which a hello was heard. */
  readonly twin: string | undefined
  /** Root of its ledger's fingerprint, hex; '' while unknown. */
  readonly ledgerRoot: string
  /** Records in its ledger. */
  readonly records: number
  /** Registries that it may ask and does not know to be down; `*` among them: also those it was never asked for. */
  readonly upstreams: readonly string[]
  readonly clock: ClockWord
  /** It can take this many bytes of others' content. */
  readonly roomBytes: number
  /** Id of the cluster key it dials with. */
  readonly keyId: string
  /** Ids of the cluster keys it accepts; `undefined`: a version that does not say. */
  readonly acceptedKeyIds: readonly string[] | undefined
  /** It says hello at least this often, ms. */
  readonly periodMs: number
}

/** A hello as its node signed it: what is kept and relayed, verbatim. */
export interface SignedHello {
  readonly body: Uint8Array
  readonly signature: Uint8Array
}

/** Where a node's word stands among its others. */
export type Turn = Pick<Hello, 'incarnation' | 'nonce' | 'sequence'>

/** Keys on the wire; they never change. What a later version adds stays in the signed bytes. */
const keys = {
  id: 1,
  name: 2,
  zone: 3,
  platforms: 4,
  peerAddresses: 5,
  meshAddresses: 6,
  version: 7,
  protocols: 8,
  incarnation: 9,
  sequence: 10,
  nonce: 11,
  ledgerRoot: 12,
  records: 13,
  upstreams: 14,
  clock: 15,
  roomBytes: 16,
  keyId: 17,
  twin: 18,
  periodMs: 19,
  acceptedKeyIds: 20,
} as const

const maxTextLength = 253
const maxListed = { platforms: 16, addresses: 8, upstreams: 32, keys: 8 } as const
/** Beyond it nothing could be added any more. */
const maxIncarnation = 2 ** 40
const timeSources = [undefined, 'registry', 'peers'] as const

/** Printable: names and addresses of others end up in logs and on terminals. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is kept out
const unprintable = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/
const addressForm = /^[0-9A-Za-z._:[\]%-]{1,260}:\d{1,5}$/

/**
 * Negative when `a` was said before `b`. Two nodes with one key may be at the same incarnation: that of one beats all of the other's, so
 * that it gets around and the other hears of it.
 */
export function compareTurns(a: Turn, b: Turn): number {
  if (a.incarnation !== b.incarnation) return a.incarnation - b.incarnation
  if (a.nonce !== b.nonce) return a.nonce < b.nonce ? -1 : 1
  return a.sequence - b.sequence
}

/** Whether two nodes have a version of the protocol in common. */
export function meet(a: ProtocolRange, b: ProtocolRange): boolean {
  return a.lowest <= b.highest && b.lowest <= a.highest
}

/** The bytes a node signs. Lists and texts beyond what a reader takes are cut short. */
export function encodeHello(hello: Hello): Uint8Array {
  const fields = new Map<number, unknown>([
    [keys.id, Buffer.from(hello.id, 'hex')],
    [keys.name, fit(hello.name)],
    [keys.platforms, fitAll(hello.platforms, maxListed.platforms)],
    [keys.peerAddresses, fitAll(hello.peerAddresses, maxListed.addresses)],
    [keys.meshAddresses, fitAll(hello.meshAddresses, maxListed.addresses)],
    [keys.version, fit(hello.version)],
    [keys.protocols, [hello.protocols.lowest, hello.protocols.highest]],
    [keys.incarnation, hello.incarnation],
    [keys.sequence, hello.sequence],
    [keys.nonce, Buffer.from(hello.nonce, 'hex')],
    [keys.ledgerRoot, Buffer.from(hello.ledgerRoot, 'hex')],
    [keys.records, hello.records],
    [keys.upstreams, fitAll(hello.upstreams, maxListed.upstreams)],
    [keys.clock, [hello.clock.trustedMs, timeSources.indexOf(hello.clock.source)]],
    [keys.roomBytes, hello.roomBytes],
    [keys.keyId, fit(hello.keyId)],
    [keys.periodMs, hello.periodMs],
  ])
  if (hello.zone !== undefined) fields.set(keys.zone, fit(hello.zone))
  if (hello.twin !== undefined) fields.set(keys.twin, Buffer.from(hello.twin, 'hex'))
  const { acceptedKeyIds } = hello
  if (acceptedKeyIds !== undefined) {
    fields.set(keys.acceptedKeyIds, fitAll(acceptedKeyIds, maxListed.keys))
  }
  return encodeCbor(fields)
}

function fit(text: string): string {
  return [...text.replaceAll(new RegExp(unprintable, 'g'), '?')].slice(0, maxTextLength).join('')
}

function fitAll(texts: readonly string[], most: number): readonly string[] {
  return texts.slice(0, most).map(fit)
}

/** Reads a hello's bytes, strictly; `undefined` when they are none. The signature is not looked at. Never throws. */
export function decodeHello(body: Uint8Array): Hello | undefined {
  if (body.length > maxHelloBytes) return undefined
  const fields = decodeCbor(body)
  return fields instanceof Map ? readHello(fields) : undefined
}

function readHello(fields: ReadonlyMap<unknown, unknown>): Hello | undefined {
  const id = readHex(fields.get(keys.id), 32, 32)
  const nonce = readHex(fields.get(keys.nonce), 8, 8)
  const incarnation = fields.get(keys.incarnation)
  const sequence = fields.get(keys.sequence)
  const protocols = readProtocols(fields.get(keys.protocols))
  const clock = readClock(fields.get(keys.clock))
  const lists = readLists(fields)
  const texts = readTexts(fields)
  const ledgerRoot = readHex(fields.get(keys.ledgerRoot), 0, 32)
  const twin = fields.has(keys.twin) ? readHex(fields.get(keys.twin), 8, 8) : ''
  const records = fields.get(keys.records)
  const roomBytes = fields.get(keys.roomBytes)
  const period = fields.get(keys.periodMs)
  const isWhole = id !== undefined && nonce !== undefined && ledgerRoot !== undefined
  if (!isWhole || twin === undefined || protocols === undefined) return
  if (!isCount(incarnation, maxIncarnation) || !isCount(sequence)) return
  if (clock === undefined || lists === undefined || texts === undefined) return
  if (!isCount(records) || !isCount(roomBytes) || !isCount(period)) return
  return {
    id,
    ...texts,
    ...lists,
    protocols,
    incarnation,
    sequence,
    nonce,
    twin: twin === '' ? undefined : twin,
    ledgerRoot,
    records,
    clock,
    roomBytes,
    periodMs: Math.min(Math.max(period, shortestPeriodMs), longestPeriodMs),
  }
}

function readProtocols(value: unknown): ProtocolRange | undefined {
  if (!Array.isArray(value)) return undefined
  const [lowest, highest]: readonly unknown[] = value
  if (!isCount(lowest, 0xffff) || !isCount(highest, 0xffff) || lowest > highest) return undefined
  return { lowest, highest }
}

function readClock(value: unknown): ClockWord | undefined {
  if (!Array.isArray(value)) return undefined
  const [trustedMs, source]: readonly unknown[] = value
  if (!isCount(trustedMs) || !isCount(source)) return undefined
  return { trustedMs, source: timeSources[source] }
}

function readLists(fields: ReadonlyMap<unknown, unknown>) {
  const platforms = readList(fields.get(keys.platforms), maxListed.platforms, isText)
  const peerAddresses = readList(fields.get(keys.peerAddresses), maxListed.addresses, isAddress)
  const meshAddresses = readList(fields.get(keys.meshAddresses), maxListed.addresses, isAddress)
  const upstreams = readList(fields.get(keys.upstreams), maxListed.upstreams, isText)
  if (platforms === undefined || peerAddresses === undefined) return undefined
  if (meshAddresses === undefined || upstreams === undefined) return undefined
  const accepted = fields.get(keys.acceptedKeyIds)
  const acceptedKeyIds = readList(accepted ?? [], maxListed.keys, isText)
  if (acceptedKeyIds === undefined) return undefined
  return {
    platforms,
    peerAddresses,
    meshAddresses,
    upstreams,
    acceptedKeyIds: accepted === undefined ? undefined : acceptedKeyIds,
  }
}

function readTexts(fields: ReadonlyMap<unknown, unknown>) {
  const name = fields.get(keys.name)
  const version = fields.get(keys.version)
  const keyId = fields.get(keys.keyId)
  const zone = fields.get(keys.zone)
  if (!isText(name) || !isText(version) || !isText(keyId)) return undefined
  if (zone !== undefined && !isText(zone)) return undefined
  return { name, version, keyId, zone }
}

function readHex(value: unknown, min: number, max: number): string | undefined {
  return isBytes(value, min, max) ? Buffer.from(value).toString('hex') : undefined
}

function readList(
  value: unknown,
  most: number,
  isItem: (item: unknown) => item is string,
): readonly string[] | undefined {
  return Array.isArray(value) && value.length <= most && value.every(isItem) ? value : undefined
}

function isText(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > 2 * maxTextLength) return false
  return [...value].length <= maxTextLength && !unprintable.test(value)
}

function isAddress(value: unknown): value is string {
  if (typeof value !== 'string' || !addressForm.test(value)) return false
  return Number(value.slice(value.lastIndexOf(':') + 1)) <= 65_535
}
