import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Test } from 'tap'
import { parseKeys } from '../../../src/adapters/cluster-keys/key-lines.ts'
import { openLibp2pBus } from '../../../src/adapters/libp2p/open-bus.ts'
import { createPeerIdentity } from '../../../src/adapters/peer-http/certificate.ts'
import { createPeerClient, type PeerHttpClient } from '../../../src/adapters/peer-http/client.ts'
import { createPeerServer } from '../../../src/adapters/peer-http/server.ts'
import { createNodeSignature, signBody } from '../../../src/adapters/sqlite/identity.ts'
import { encodeRecord } from '../../../src/ledger/encode-record.ts'
import { operatorRecord } from '../../../src/ledger/own-record.ts'
import type { LedgerRecord, RecordTarget, SignedRecord } from '../../../src/ledger/record.ts'
import { indexSubjects } from '../../../src/mesh/index-answers.ts'
import {
  decodeDigests,
  encodeHolders,
  encodePut,
  hashDigests,
  shardOf,
} from '../../../src/mesh/index-message.ts'
import type { MemberTable } from '../../../src/mesh/member-table.ts'
import { startMembership } from '../../../src/mesh/membership.ts'
import { encodeHellos, type ToldHello } from '../../../src/mesh/mesh-message.ts'
import type { Digest } from '../../../src/oci/digest.ts'
import type { Bus } from '../../../src/ports/bus.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import type { ClusterKeys } from '../../../src/ports/cluster-keys.ts'
import { silentLog } from '../../../src/ports/log.ts'
import type { NodeId } from '../../../src/ports/node-id.ts'
import type { PeerAnswer, PeerService } from '../../../src/ports/peer-port.ts'
import { systemTimers } from '../../../src/ports/timers.ts'
import { encodeRecords, recordsMessageType } from '../../../src/sync/wire.ts'
import { memoryMemberStore, plainTime } from '../../mesh/support.ts'
import type { MeshPlace, TestMesh } from './mesh.ts'

/** A member in the hands of the test: it has a cluster key, and says and offers what no node would. */
export interface FalseMember {
  readonly id: NodeId
  readonly bus: Bus
  readonly table: MemberTable
  readonly client: PeerHttpClient
  /** Signs a record under an origin, its own when none is given, always with its own key. */
  sign(record: LedgerRecord, origin?: NodeId): SignedRecord
  /** An operator's word, or a lie about a tag, stamped now or later than the last one. */
  word(kind: LedgerRecord['kind'], key: string, what?: Partial<LedgerRecord>): LedgerRecord
  /** Tells all neighbours; with how many it was left. */
  say(records: readonly SignedRecord[]): Promise<number>
  sayHellos(hellos: readonly ToldHello[]): Promise<number>
  /** From now on it says that it holds this: to all members, and to whoever asks. */
  hold(digest: Digest): Promise<void>
}

/** What a false member is given. */
export interface FalseMemberOptions {
  readonly name: string
  readonly zone?: string
  /** PEM of the key of a node; a new one when absent. */
  readonly nodeKey?: string
  readonly openBlob?: PeerService['openBlob']
}

/** Joins the mesh by dialling one of its nodes; leaves it when the test ends. */
export async function joinFalsely(
  t: Test,
  mesh: TestMesh,
  seed: MeshPlace,
  options: FalseMemberOptions,
): Promise<FalseMember> {
  const privateKey = keyOf(options.nodeKey)
  const keys = await keysOf(mesh)
  const identity = createPeerIdentity(privateKey)
  const shared = { identity, keys, isBanned: () => false, clock: systemClock, log: silentLog }
  const bus = await openLibp2pBus(
    { ...shared, privateKey },
    { listen: { host: '127.0.0.1', port: 0 } },
  )
  const late: { table?: MemberTable } = {}
  const client = createPeerClient(
    { ...shared, addressesOf: id => late.table?.get(id)?.peerAddresses ?? [] },
    { stallMs: 5_000 },
  )
  const answers = new Map<string, PeerAnswer>()
  const server = createPeerServer(
    {
      ...shared,
      service: { ...nothingHeld, openBlob: options.openBlob ?? nothingHeld.openBlob, answers },
    },
    { ...noLimits, address: { host: '127.0.0.1', port: 0 } },
  )
  const { port } = await server.listen()
  const own = { peer: `127.0.0.1:${port}`, mesh: bus.listening[0] ?? '' }
  const membership = await startMembership(
    {
      bus,
      peer: client,
      signature: createNodeSignature({ privateKey, origin: identity.id }),
      store: memoryMemberStore(),
      time: plainTime(systemClock),
      clock: systemClock,
      timers: systemTimers,
      random: Math.random,
      log: silentLog,
      facts: () => factsOf(options, own, keys),
    },
    { version: '0', protocols: { lowest: 1, highest: 1 }, nonce: identity.id.slice(0, 16) },
  )
  for (const [subject, answer] of membership.answers) answers.set(subject, answer)
  const held = new Set<Digest>()
  answers.set(indexSubjects.have, async question =>
    encodeHolders((decodeDigests(question) ?? []).map(one => (held.has(one) ? [identity.id] : []))),
  )
  late.table = membership.table
  bus.judge((message, from) =>
    message[0] === recordsMessageType ? 'accept' : membership.judge(message, from),
  )
  bus.answerGreetings(membership.answerGreeting)
  t.teardown(async () => {
    await membership.close()
    await bus.close()
    await client.close()
    await server.close()
  })
  await bus.dial(seed.mesh, AbortSignal.timeout(60_000))
  const { table } = membership
  return {
    id: identity.id,
    bus,
    table,
    client,
    ...speech(bus, privateKey),
    async hold(digest) {
      held.add(digest)
      const shards = [...Map.groupBy(held, shardOf)].map(([shard, digests]) => ({
        shard,
        hash: hashDigests(digests),
        digests,
      }))
      const limits = { signal: AbortSignal.timeout(60_000), timeoutMs: 60_000 }
      for (const { id } of table.alive()) {
        await client.call(id, indexSubjects.put, encodePut(shards), limits)
      }
    },
  }
}

/** What it can say. */
function speech(bus: Bus, privateKey: KeyObject) {
  let lastMs = 0
  return {
    sign(record: LedgerRecord, origin = bus.self): SignedRecord {
      const body = encodeRecord({ ...record, origin }, '')
      return { body, signature: signBody(body, privateKey) }
    },
    word(kind: LedgerRecord['kind'], key: string, what: Partial<LedgerRecord> = {}): LedgerRecord {
      lastMs = Math.max(Date.now(), lastMs + 1)
      const stamp = { wallMs: lastMs, counter: 0 }
      return { ...operatorRecord(kind, key, undefined, bus.self, stamp, false, {}), ...what }
    },
    say: (records: readonly SignedRecord[]) =>
      bus.publish(Buffer.concat([Buffer.of(recordsMessageType), encodeRecords(records)])),
    sayHellos: (hellos: readonly ToldHello[]) => bus.publish(encodeHellos(hellos)),
  }
}

/** The manifest of an image, as records name it. */
export const targetOf = ({ digest, mediaType, size }: RecordTarget): RecordTarget => ({
  digest,
  mediaType,
  size,
})

const noLimits = { uploadBytesPerSecond: 0, uploadPerPeerBytesPerSecond: 0, graceMs: 0 } as const

const nothingHeld: Omit<PeerService, 'answers'> = {
  streams: new Map(),
  openBlob: async () => undefined,
  getManifest: async () => undefined,
}

const keyOf = (pem: string | undefined): KeyObject =>
  pem === undefined ? generateKeyPairSync('ed25519').privateKey : createPrivateKey(pem)

async function keysOf({ secretFile }: TestMesh): Promise<ClusterKeys> {
  const keys = parseKeys(await readFile(secretFile, 'utf8'), secretFile)
  return { current: () => keys, onChange: () => () => {} }
}

function factsOf(
  { name, zone }: FalseMemberOptions,
  own: { readonly peer: string; readonly mesh: string },
  keys: ClusterKeys,
) {
  return {
    name,
    zone,
    platforms: ['linux/amd64'],
    peerAddresses: [own.peer],
    meshAddresses: [own.mesh],
    ledgerRoot: '',
    records: 0,
    upstreams: [],
    roomBytes: 0,
    keyId: keys.current()[0]?.id ?? '',
    acceptedKeyIds: keys.current().map(({ id }) => id),
  }
}
