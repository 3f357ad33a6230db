import { createNodeState, type NodeParts } from '../../../src/http/admin/node-state.ts'
import { createRunNodeOperation } from '../../../src/http/admin/nodes.ts'
import type { Mode } from '../../../src/ports/mode.ts'
import { manifestDigest } from '../support.ts'

const nowMs = Date.parse('2026-11-21T12:00:00Z')
export const selfId = 'ab'.repeat(32)

const madeUpStatus = {
  version: '1.2.3',
  mode: 'auto',
  modeDecidedBy: 'configuration',
  uptimeSeconds: 12,
  ready: true,
  degraded: [],
  endpoints: [],
  ledger: { observations: 2, pins: 1, writable: true, clockVerified: true, clockOffsetMs: 5 },
  store: { blobs: 3, blobBytes: 1, partialBytes: 2, freeBytes: 4, totalBytes: 5 },
  pods: { state: 'off', running: 0, ended: 0 },
  mesh: { enabled: false, members: 0, alive: 0, neighbours: 0, alarms: [] },
}

/** A node's state made up, which remembers what it was told. */
export function madeUpNode(change: Partial<NodeParts> = {}, name = 'van-1') {
  const did: unknown[] = []
  const asOf = () => ({ node: name, asOf: new Date(nowMs).toISOString() })
  const status = { ...asOf(), ...madeUpStatus }
  let mode: Mode = 'auto'
  let level: 'debug' | 'info' | 'warn' | 'error' = 'info'
  const run = createRunNodeOperation(
    createNodeState(
      {
        store: {
          settings: { kind: 'disk', dir: '/data/blobs', quotaBytes: 1_000, minFreeBytes: 10 },
          measure: async () => ({
            usage: {
              blobs: 3,
              blobBytes: 300,
              partialBytes: 20,
              freeBytes: 5_000,
              totalBytes: 9_000,
            },
            capacityBytes: 1_000,
            protectedBytes: 200,
            droppableBytes: 120,
          }),
          quarantined: () => [{ digest: manifestDigest, size: 7 }],
          isFull: () => false,
          isUnusable: () => false,
          async collect(options) {
            did.push(options)
            const victim = { digest: manifestDigest, size: 9, lastUsedMs: nowMs }
            const dropped = [{ ...victim, kind: 'blob' as const, reason: 'room' as const }]
            return { ...options, bytes: 9, dropped, protectedBytes: 200 }
          },
        },
        scrub: {
          start: () => void did.push('scrub'),
          pass: () => ({
            startedAtMs: nowMs,
            endedAtMs: undefined,
            blobs: 3,
            bytes: 300,
            doneBlobs: 1,
            doneBytes: 100,
          }),
          counts: () => ({ checked: 1, bytes: 100, damaged: 1, unreadable: 0 }),
          findings: () => [{ digest: manifestDigest, size: 7, verdict: 'damaged', atMs: nowMs }],
        },
        mode: {
          state: () =>
            mode === 'auto'
              ? { mode, decidedBy: 'configuration', configured: 'auto' }
              : {
                  mode,
                  decidedBy: 'node',
                  configured: 'auto',
                  set: { by: 'u', atMs: nowMs, untilMs: nowMs + 1_000 },
                },
          async set(next, wish) {
            did.push({ next, ...wish })
            mode = next
          },
          async reset() {
            did.push('reset')
            mode = 'auto'
          },
        },
        logLevel: {
          state: () => ({ level, configured: 'info', untilMs: nowMs }),
          set(next, forMs) {
            did.push({ level: next, forMs })
            level = next
          },
        },
        view: {
          status: async () => status,
          peers: () => ({ ...asOf(), enabled: false, members: [], alarms: [] }),
        },
        audit: { find: () => [] },
        nameOf: id => (id === selfId ? name : undefined),
        diagnostics: [],
        why: async () => ({
          pods: { state: 'seen' },
          isPod: false,
          containers: [],
          resolutions: [],
        }),
        config: () => ({ mode: 'auto', log: { level: 'info', format: 'json' } }),
        ...change,
      },
      asOf,
    ),
  )
  return { run, did, nodes: { self: { id: selfId, name } } }
}
