import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { createPushBus } from '../../src/adapters/push-bus/create-push-bus.ts'
import { kindOf } from '../../src/daemon/message-kind.ts'
import { startIndexNode } from '../../src/mesh/index-node.ts'
import { startMesh } from '../../src/mesh/mesh.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import type { ClusterKeys } from '../../src/ports/cluster-keys.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { Members } from '../../src/ports/members.ts'
import { systemTimers } from '../../src/ports/timers.ts'
import { type Sync, startSync } from '../../src/sync/sync.ts'
import { memoryMemberStore, plainTime, signatureOf } from '../../test/mesh/support.ts'
import { createMemoryRecordStore } from '../../test/support/memory-record-store.ts'
import { createMemoryStore } from '../../test/support/memory-store.ts'
import type { ScaleNetwork } from './scale-network.ts'

/** A node's journeys of the mesh in this process, on the machine's clock: the push bus, its records and content in memory. */
export interface ScaleNode {
  readonly address: string
  readonly members: Members
  readonly sync: Sync
  neighbours(): number
  /** Other nodes it asked or answered in the last minute beside the bus: so long a peer port keeps a connection. */
  talkedWith(): number
  /** An upstream said something new of a tag. */
  learn(number: number): void
  /** A blob came into its store. */
  store(number: number): Promise<void>
  records(): number
  close(): Promise<void>
}

const keys: ClusterKeys = {
  current: () => [{ id: '0badcafe', secret: Buffer.alloc(32, 'bench') }],
  onChange: () => () => {},
}
const shared = { clock: systemClock, timers: systemTimers, log: silentLog, random: Math.random }
const keptMs = 60_000

/** Starts one that holds some blobs. */
export async function startScaleNode(
  network: ScaleNetwork,
  seeds: readonly string[],
  held: readonly number[],
): Promise<ScaleNode> {
  const signature = signatureOf(generateKeyPairSync('ed25519').privateKey)
  const port = network.open(signature.self)
  const { address, answers } = port
  const late: { members?: Members; sync?: Sync } = {}
  const client = network.client(port, {
    onHeard: (id, roundTripMs) => late.members?.heard(id, roundTripMs),
    onMissed: id => late.members?.missed(id),
  })
  const push = createPushBus(
    { ...shared, self: signature.self, wire: network.wire(port), keys },
    { listening: [address] },
  )
  const records = createMemoryRecordStore({ clock: systemClock })
  for (const [subject, answer] of push.answers) answers.set(subject, answer)
  const mesh = await startMesh(
    {
      ...shared,
      bus: push.bus,
      peer: client,
      signature,
      store: memoryMemberStore(),
      time: plainTime(systemClock),
      network: { addresses: () => [address] },
      seeds: [{ name: 'static', find: async () => seeds }],
      facts: () => ({
        name: `node at ${address}`,
        zone: undefined,
        platforms: ['linux/amd64'],
        peerAddresses: [address],
        meshAddresses: [address],
        ledgerRoot: late.sync?.root() ?? '',
        records: records.count(),
        upstreams: ['docker.io'],
        roomBytes: 0,
        keyId: '0badcafe',
        acceptedKeyIds: ['0badcafe'],
      }),
    },
    { version: '0.1.0', nonce: randomBytes(8).toString('hex'), operators: [] },
  )
  const { members } = mesh
  late.members = members
  const store = createMemoryStore()
  for (const number of held) await store.put(...blobOf(number))
  const index = startIndexNode({ ...shared, store, members, client }, { zone: undefined })
  const sync = startSync({
    ...shared,
    store: records,
    bus: push.bus,
    peers: client,
    members,
    ageOut: async () => {},
    onMisbehaviour() {},
  })
  late.sync = sync
  push.bus.judge((message, from) =>
    kindOf(message) === 'records' ? sync.judge(message, from) : mesh.judge(message, from),
  )
  for (const each of [mesh.answers, index.answers, sync.answers]) {
    for (const [subject, answer] of each) answers.set(subject, answer)
  }

  return {
    address,
    members,
    sync,
    neighbours: () => push.bus.neighbours().length,
    talkedWith: () => {
      const sinceMs = performance.now() - keptMs
      return [...port.talkedWith.values()].filter(ms => ms > sinceMs).length
    },
    learn(number) {
      const [digest] = blobOf(number)
      records.operate(`docker.io/library/app:${number}`, {
        type: 'local',
        atMs: systemClock.wallMs(),
        target: { digest, mediaType: 'application/vnd.oci.image.index.v1+json', size: 1 },
        source: 'push',
        believeUntilMs: Number.POSITIVE_INFINITY,
      })
    },
    store: async number => void (await store.put(...blobOf(number))),
    records: records.count,
    async close() {
      sync.close()
      await index.close()
      await mesh.close()
      await push.bus.close()
      network.close(port)
    },
  }
}

function blobOf(number: number): [Digest, Buffer] {
  const content = createHash('sha256').update(`blob ${number}`).digest()
  return [digestOf(content), content]
}
