import { decodeCbor, encodeCbor, isBytes, isCount } from '../ledger/cbor.ts'
import { maxRecordBytes } from '../ledger/encode-record.ts'
import { leafCount } from '../ledger/leaf.ts'
import type { SignedRecord } from '../ledger/record.ts'
import type { LeafRecords } from '../ports/record-store.ts'
import type { LeafSide } from './compare-rows.ts'
import { type HashTree, hashBytes, innerNodes, leavesPerNode, rootBytes } from './hash-tree.ts'
import { decodeMarks } from './refusals.ts'
import { decodeRows, type LeafRows, type WireRow } from './row-bytes.ts'

/** First element of everything that is said about records. */
const format = 1

/** Type byte of a batch of records on the bus. */
export const recordsMessageType = 1

/** Bytes of a signature. */
const signatureBytes = 64

/** Largest number of records in one message, question or answer. */
const maxRecords = 4_096

/** What a node says of all it holds. */
export interface RootWord {
  readonly root: Uint8Array
  readonly horizonMs: number
  readonly count: number
}

/** What a node says of the nodes of the tree that differ. */
export interface NodesWord {
  /** Numbers of the nodes that differ, ascending. */
  readonly differing: readonly number[]
  /** Hashes of their leaves, one node after another, as this node has them. */
  readonly leaves: Uint8Array
}

/** What a node says to the rows of some leaves. */
export interface RowsWord {
  /** What the asker lacks. */
  readonly records: readonly LeafRecords[]
  /** What the asker has and this node lacks. */
  readonly wants: readonly LeafRows[]
  /** There is more than fits. */
  readonly isCut: boolean
}

/** An answer, or that its giver has too much to do. */
export type Answer<T> = T | 'busy'

/** Too much to do: ask somebody else. */
export const busyAnswer = encodeCbor([format, 'busy'])

const say = (...fields: readonly unknown[]): Uint8Array => encodeCbor([format, ...fields])

/** The fields of a word, `undefined` when it is none of this format. */
function read(bytes: Uint8Array): readonly unknown[] | undefined {
  const value = decodeCbor(bytes)
  if (!Array.isArray(value) || value[0] !== format) return undefined
  return value.slice(1)
}

/** Whether bytes are a word of a later version. */
export function isLaterFormat(bytes: Uint8Array): boolean {
  // An array of up to 23 elements whose first is a small number: all that versions have in common.
  const [head = 0, first = 0] = bytes
  return head >= 0x82 && head <= 0x97 && first > format && first <= 0x17
}

const isBusy = (fields: readonly unknown[]): boolean => fields[0] === 'busy'

/** Writes a {@link RootWord}. */
export const encodeRoot = ({ root, horizonMs, count }: RootWord): Uint8Array =>
  say(root, Math.floor(horizonMs), count)

/** Reads a {@link RootWord}. */
export function decodeRoot(bytes: Uint8Array): RootWord | undefined {
  const [root, horizonMs, count] = read(bytes) ?? []
  if (!isBytes(root, rootBytes) || !isCount(horizonMs) || !isCount(count)) return undefined
  return { root, horizonMs, count }
}

/** Writes the question for the nodes that differ. */
export const encodeTree = ({ nodes }: HashTree): Uint8Array => say(nodes)

/** Reads the hashes of all nodes. */
export function decodeTree(bytes: Uint8Array): Uint8Array | undefined {
  const [nodes] = read(bytes) ?? []
  return isBytes(nodes, innerNodes * hashBytes) ? nodes : undefined
}

/** Writes a {@link NodesWord}. */
export const encodeNodes = ({ differing, leaves }: NodesWord): Uint8Array =>
  say(Uint8Array.from(differing), leaves)

/** Reads a {@link NodesWord}. */
export function decodeNodes(bytes: Uint8Array): Answer<NodesWord> | undefined {
  const fields = read(bytes)
  if (fields === undefined) return undefined
  if (isBusy(fields)) return 'busy'
  const [numbers, leaves] = fields
  if (!(numbers instanceof Uint8Array) || numbers.length > innerNodes) return undefined
  const differing = [...numbers]
  if (differing.some((node, i) => node >= innerNodes || node <= (differing[i - 1] ?? -1))) {
    return undefined
  }
  if (!isBytes(leaves, differing.length * leavesPerNode * hashBytes)) return undefined
  return { differing, leaves }
}

const flattenRows = (leaves: readonly LeafRows[]): readonly unknown[] =>
  leaves.flatMap(({ leaf, bytes }) => [leaf, bytes])

/** What a node holds of some leaves. */
export interface LeavesWord {
  readonly rows: readonly LeafRows[]
  /** Marks of what it was offered and did not take. */
  readonly refused: readonly LeafRows[]
}

/** Writes a {@link LeavesWord}. */
export const encodeLeaves = ({ rows, refused }: LeavesWord): Uint8Array =>
  say(flattenRows(rows), flattenRows(refused))

/** Reads a {@link LeavesWord}: both parts of it by leaf. */
export function decodeLeaves(bytes: Uint8Array): ReadonlyMap<number, LeafSide> | undefined {
  const fields = read(bytes) ?? []
  const rows = readByLeaf(fields[0], decodeRows)
  const refused = readByLeaf(fields[1], decodeMarks)
  if (rows === undefined || refused === undefined) return undefined
  const none: ReadonlySet<string> = new Set()
  return new Map(
    [...rows].map(([leaf, ofLeaf]) => [leaf, { rows: ofLeaf, refused: refused.get(leaf) ?? none }]),
  )
}

function readByLeaf<T>(
  value: unknown,
  decodeOne: (bytes: Uint8Array) => T | undefined,
): ReadonlyMap<number, T> | undefined {
  if (!Array.isArray(value) || value.length % 2 !== 0) return undefined
  const leaves = new Map<number, T>()
  for (let i = 0; i < value.length; i += 2) {
    const leaf: unknown = value[i]
    const bytes: unknown = value[i + 1]
    if (!isCount(leaf, leafCount - 1) || !(bytes instanceof Uint8Array)) return undefined
    const decoded = decodeOne(bytes)
    if (decoded === undefined) return undefined
    leaves.set(leaf, decoded)
  }
  return leaves
}

/** What {@link RowsWord} is read as. */
export interface ReadRowsWord {
  readonly records: readonly LeafRecords[]
  readonly wants: ReadonlyMap<number, readonly WireRow[]>
  readonly isCut: boolean
}

/** Writes a {@link RowsWord}. */
export const encodeRowsWord = ({ records, wants, isCut }: RowsWord): Uint8Array =>
  say(flattenLeaves(records), flattenRows(wants), isCut)

/** Reads a {@link RowsWord}. */
export function decodeRowsWord(bytes: Uint8Array): Answer<ReadRowsWord> | undefined {
  const fields = read(bytes)
  if (fields === undefined) return undefined
  if (isBusy(fields)) return 'busy'
  const records = readLeaves(fields[0])
  const wants = readByLeaf(fields[1], decodeRows)
  const isCut = fields[2]
  if (records === undefined || wants === undefined || typeof isCut !== 'boolean') return undefined
  return { records, wants, isCut }
}

const flattenRecords = (records: readonly SignedRecord[]): readonly unknown[] =>
  records.flatMap(({ body, signature }) => [body, signature])

const flattenLeaves = (leaves: readonly LeafRecords[]): readonly unknown[] =>
  leaves.flatMap(({ leaf, records }) => [leaf, flattenRecords(records)])

/** Writes records of leaves. */
export const encodeLeafRecords = (leaves: readonly LeafRecords[]): Uint8Array =>
  say(flattenLeaves(leaves))

/** Reads records of leaves. Their bodies are not looked at. */
export function decodeLeafRecords(bytes: Uint8Array): Answer<readonly LeafRecords[]> | undefined {
  const fields = read(bytes)
  if (fields === undefined) return undefined
  return isBusy(fields) ? 'busy' : readLeaves(fields[0])
}

function readLeaves(value: unknown): readonly LeafRecords[] | undefined {
  if (!Array.isArray(value) || value.length % 2 !== 0 || value.length > 2 * leafCount) {
    return undefined
  }
  const leaves: LeafRecords[] = []
  for (let i = 0; i < value.length; i += 2) {
    const leaf: unknown = value[i]
    const records = readRecords(value[i + 1])
    if (!isCount(leaf, leafCount - 1) || records === undefined) return undefined
    leaves.push({ leaf, records })
  }
  return leaves
}

/** Writes records. */
export const encodeRecords = (records: readonly SignedRecord[]): Uint8Array =>
  say(flattenRecords(records))

/** Reads records. Their bodies are not looked at. */
export function decodeRecords(bytes: Uint8Array): readonly SignedRecord[] | undefined {
  const [records] = read(bytes) ?? []
  return readRecords(records)
}

function readRecords(value: unknown): readonly SignedRecord[] | undefined {
  if (!Array.isArray(value) || value.length % 2 !== 0 || value.length > 2 * maxRecords) {
    return undefined
  }
  const records: SignedRecord[] = []
  for (let i = 0; i < value.length; i += 2) {
    const body: unknown = value[i]
    const signature: unknown = value[i + 1]
    if (!(body instanceof Uint8Array) || body.length > maxRecordBytes) return undefined
    if (!isBytes(signature, signatureBytes)) return undefined
    records.push({ body, signature })
  }
  return records
}

/** Writes a text, or a number, that is all there is to say. */
export const encodeWord = (word: string | number): Uint8Array => say(word)

/** Reads what {@link encodeWord} writes. */
export function decodeWord(bytes: Uint8Array): string | number | undefined {
  const [word] = read(bytes) ?? []
  return typeof word === 'string' || isCount(word) ? word : undefined
}

/** Bytes a record takes, about. */
const sizeOf = ({ body, signature }: SignedRecord): number => body.length + signature.length + 6

/** Bytes that records take, about. */
export const bytesOf = (records: readonly SignedRecord[]): number =>
  records.reduce((sum, record) => sum + sizeOf(record), 0)

/** The first of them, as many as fit. */
export function fit(records: readonly SignedRecord[], maxBytes: number): readonly SignedRecord[] {
  let bytes = 0
  const end = records.findIndex(record => {
    bytes += sizeOf(record)
    return bytes > maxBytes
  })
  return end < 0 ? records : records.slice(0, end)
}
