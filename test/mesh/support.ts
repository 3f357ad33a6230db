import { generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { TimeSample } from '../../src/ledger/agree-on-time.ts'
import type { Hello } from '../../src/mesh/hello.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { ClusterTime } from '../../src/ports/cluster-time.ts'
import type { Log, LogFields } from '../../src/ports/log.ts'
import type { MemberStore, StoredMember } from '../../src/ports/member-store.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import type { NodeSignature } from '../../src/ports/node-signature.ts'
import type { Timers } from '../../src/ports/timers.ts'

/** Time that stands still until it is moved, with what waits for it. */
export interface SimulatedTime {
  readonly clock: Clock
  readonly timers: Timers
  /** Moves on; whatever falls due on the way runs at its own moment, and so does what follows from it. */
  pass(ms: number): Promise<void>
  /** Moves on until it is so; fails after `atMostMs`. Returns how long it took. */
  until(isSo: () => boolean, atMostMs: number): Promise<number>
  /** Lets everything run that needs no time. */
  settle(): Promise<void>
}

/** Starts at `wallMs`. */
export function simulateTime(wallMs = Date.UTC(2026, 5, 1)): SimulatedTime {
  const waiting = new Set<{ readonly atMs: number; readonly run: () => void }>()
  let nowMs = 1_000

  function nextMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { atMs } of waiting) next = Math.min(next, atMs)
    return next
  }

  async function settle(): Promise<void> {
    for (let i = 0; i < 12; i++) await turn()
  }

  async function step(untilMs: number): Promise<void> {
    const atMs = nextMs()
    if (atMs > untilMs) {
      nowMs = untilMs
      return
    }
    nowMs = Math.max(nowMs, atMs)
    for (const entry of [...waiting]) {
      if (entry.atMs > nowMs || !waiting.delete(entry)) continue
      entry.run()
    }
    await settle()
  }

  return {
    clock: { wallMs: () => wallMs + nowMs, monotonicMs: () => nowMs },
    timers: {
      after(ms, run) {
        const entry = { atMs: nowMs + Math.max(0, ms), run }
        waiting.add(entry)
        return () => void waiting.delete(entry)
      },
    },
    async pass(ms) {
      const untilMs = nowMs + ms
      await settle()
      while (nowMs < untilMs) await step(untilMs)
    },
    async until(isSo, atMostMs) {
      const sinceMs = nowMs
      await settle()
      while (!isSo()) {
        if (nowMs - sinceMs >= atMostMs) throw new Error(`not so after ${atMostMs} ms`)
        await step(sinceMs + atMostMs)
      }
      return nowMs - sinceMs
    },
    settle,
  }
}

/** Numbers from 0 up to 1 that are the same in every run. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const spkiHead = Buffer.from('302a300506032b6570032100', 'hex')

/** A new node's key. */
function makeKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey
}

/** Signs with Ed25519, as nodes do. */
export function signatureOf(key: KeyObject = makeKey()): NodeSignature {
  const jwk = key.export({ format: 'jwk' })
  const self = Buffer.from(String(jwk.x), 'base64url').toString('hex')
  const bytesFor = (purpose: string, bytes: Uint8Array) =>
    Buffer.concat([Buffer.from(`${purpose}\n`), bytes])
  return {
    self,
    sign: (purpose, bytes) => sign(null, bytesFor(purpose, bytes), key),
    isSignedBy(id, purpose, bytes, signature) {
      try {
        const der = Buffer.concat([spkiHead, Buffer.from(id, 'hex')])
        const spki = { key: der, format: 'der', type: 'spki' } as const
        return verify(null, bytesFor(purpose, bytes), spki, signature)
      } catch {
        return false
      }
    },
  }
}

/** What was kept, as a restarted node finds it. */
export function memoryMemberStore(): MemberStore & { readonly members: Map<NodeId, StoredMember> } {
  const members = new Map<NodeId, StoredMember>()
  const names = new Map<string, NodeId>()
  let boots = 0
  return {
    members,
    load: () => ({ members: [...members.values()], names: new Map(names) }),
    async save(change) {
      for (const member of change.members) members.set(member.id, member)
      for (const id of change.forgotten) members.delete(id)
      for (const [name, id] of change.names) names.set(name, id)
    },
    bootNumber: () => boots,
    async setBootNumber(number) {
      boots = number
    },
  }
}

/** Time as the machine has it; what peers say is only remembered. */
export function plainTime(clock: Clock): ClusterTime & { samples: readonly TimeSample[] } {
  return {
    samples: [],
    nowMs: () => clock.wallMs(),
    source: () => undefined,
    learnFromPeers(samples) {
      this.samples = samples
    },
  }
}

/** A log that remembers, with the members' own fields. */
export function rememberingLog(): Log & {
  readonly lines: { fields: LogFields; message: string }[]
} {
  const lines: { fields: LogFields; message: string }[] = []
  const add = (fields: LogFields, message: string) => void lines.push({ fields, message })
  return { lines, debug() {}, info: add, warn: add, error: add }
}

/** A hello like those of real nodes. */
export function helloOf(id: NodeId, change: Partial<Hello> = {}): Hello {
  return {
    id,
    name: `node-${id.slice(0, 6)}`,
    zone: 'rack-1',
    platforms: ['linux/amd64'],
    peerAddresses: ['10.0.0.1:5052'],
    meshAddresses: ['10.0.0.1:5053'],
    version: '0.1.0',
    protocols: { lowest: 1, highest: 1 },
    incarnation: 1,
    sequence: 1,
    nonce: '0011223344556677',
    twin: undefined,
    ledgerRoot: 'ab'.repeat(16),
    records: 1234,
    upstreams: ['docker.io', 'ghcr.io'],
    clock: { trustedMs: Date.UTC(2026, 5, 1), source: 'registry' },
    roomBytes: 10 * 2 ** 30,
    keyId: 'deadbeef',
    acceptedKeyIds: ['deadbeef', '0badcafe'],
    periodMs: 30_000,
    ...change,
  }
}
