import { createHash } from 'node:crypto'
import { decodeCbor, encodeCbor, isBytes, isCount, readList } from '../ledger/cbor.ts'
import { type Digest, digestAlgorithm, digestHex, parseDigest } from '../oci/digest.ts'
import type { NodeId } from '../ports/node-id.ts'

/** Parts of the index, each kept by nodes of its own. */
export const shardCount = 256
/** Digests in one look-up. */
export const maxFound = 256
/** Holders that are told of one digest. */
export const maxTold = 8
/** Digests of one node in one shard; what it holds beyond is not found by way of the index. */
export const maxInShard = 4_096
/** Digests in one put. */
export const maxPut = 8_192

/** What a node holds of one shard: all of it, or a hash that says it is as it was told before. */
export interface ShardHoldings {
  readonly shard: number
  readonly hash: string
  readonly digests: readonly Digest[] | undefined
}

/** Which of 256 shards a digest belongs to: its first byte. */
export function shardOf(digest: Digest): number {
  return Number.parseInt(digestHex(digest).slice(0, 2), 16)
}

/** Tells sets of digests apart: 32 hex digits. */
export function hashDigests(digests: Iterable<Digest>): string {
  const hash = createHash('sha256')
  for (const digest of [...digests].sort()) hash.update(`${digest}\n`)
  return hash.digest('hex').slice(0, 32)
}

/** A node's holdings, for an owner of their shards. An empty list withdraws all. */
export function encodePut(shards: readonly ShardHoldings[]): Uint8Array {
  return encodeCbor(
    shards.map(({ shard, hash, digests }) => [
      shard,
      Buffer.from(hash, 'hex'),
      digests === undefined ? null : digests.map(digestBytes),
    ]),
  )
}

/** `undefined` when it is none. Never throws. */
export function decodePut(bytes: Uint8Array): readonly ShardHoldings[] | undefined {
  const shards = readList(decodeCbor(bytes), 256, readShard)
  if (shards === undefined) return undefined
  const count = shards.reduce((sum, { digests }) => sum + (digests?.length ?? 0), 0)
  return count <= maxPut ? shards : undefined
}

function readShard(value: unknown): ShardHoldings | undefined {
  if (!Array.isArray(value)) return undefined
  const [shard, hash, told]: readonly unknown[] = value
  if (!isCount(shard, 255) || !isBytes(hash, 16, 16)) return undefined
  const digests = told === null ? undefined : readList(told, maxInShard, readDigest)
  if (told !== null && digests === undefined) return undefined
  if (digests?.some(digest => shardOf(digest) !== shard)) return undefined
  return { shard, hash: Buffer.from(hash).toString('hex'), digests }
}

/** Shards of which an owner wants to be told all. */
export function encodeShards(shards: readonly number[]): Uint8Array {
  return encodeCbor(shards)
}

/** `undefined` when it is none. Never throws. */
export function decodeShards(bytes: Uint8Array): readonly number[] | undefined {
  return readList(decodeCbor(bytes), 256, value => (isCount(value, 255) ? value : undefined))
}

/** Digests somebody looks for. */
export function encodeDigests(digests: readonly Digest[]): Uint8Array {
  return encodeCbor(digests.map(digestBytes))
}

/** `undefined` when it is none. Never throws. */
export function decodeDigests(bytes: Uint8Array): readonly Digest[] | undefined {
  return readList(decodeCbor(bytes), maxFound, readDigest)
}

/** Who holds each of the digests, in their order. */
export function encodeHolders(holders: readonly (readonly NodeId[])[]): Uint8Array {
  return encodeCbor(holders.map(ids => ids.map(id => Buffer.from(id, 'hex'))))
}

/** `undefined` when it is none, or not about `count` digests. Never throws. */
export function decodeHolders(
  bytes: Uint8Array,
  count: number,
): readonly (readonly NodeId[])[] | undefined {
  const holders = readList(decodeCbor(bytes), maxFound, ids => readList(ids, maxTold, readId))
  return holders?.length === count ? holders : undefined
}

/** A node was asked for a digest and does not have it. */
export function encodeLack(id: NodeId, digest: Digest): Uint8Array {
  return encodeCbor([Buffer.from(id, 'hex'), digestBytes(digest)])
}

/** `undefined` when it is none. Never throws. */
export function decodeLack(
  bytes: Uint8Array,
): { readonly id: NodeId; readonly digest: Digest } | undefined {
  const fields = decodeCbor(bytes)
  if (!Array.isArray(fields)) return undefined
  const [id, digest] = [readId(fields[0]), readDigest(fields[1])]
  return id === undefined || digest === undefined ? undefined : { id, digest }
}

function digestBytes(digest: Digest): Uint8Array {
  return Buffer.from(digestHex(digest), 'hex')
}

function readDigest(value: unknown): Digest | undefined {
  if (!isBytes(value, 32, 64)) return undefined
  const hex = Buffer.from(value).toString('hex')
  const digest = parseDigest(`${value.length === 32 ? 'sha256' : 'sha512'}:${hex}`)
  return digest !== undefined && digestAlgorithm(digest).endsWith(`${value.length * 8}`)
    ? digest
    : undefined
}

function readId(value: unknown): NodeId | undefined {
  return isBytes(value, 32, 32) ? Buffer.from(value).toString('hex') : undefined
}
