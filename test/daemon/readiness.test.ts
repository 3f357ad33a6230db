import t from 'tap'
import { type ConditionParts, createReadiness } from '../../src/daemon/readiness.ts'
import type { LedgerStats } from '../../src/ports/tag-ledger.ts'

const stats = { writable: true, clockVerified: true, clockOffsetMs: 0 } as LedgerStats

function readinessOf(change: Partial<ConditionParts>) {
  return createReadiness({
    mode: () => 'auto',
    endpoints: () => [],
    ledger: () => stats,
    storeFilledBy: () => undefined,
    isStoreUnusable: () => false,
    damage: () => ({ damaged: 0, unreadable: 0 }),
    neighbour: undefined,
    tokenFailures: () => [],
    meshAlarms: undefined,
    wasRebuilt: false,
    isListening: () => true,
    ...change,
  })()
}

t.test('a full store tells what it is that holds the room', async t => {
  const staying = { kept: 12_000_000, arriving: 176_000_000, leased: 0, recent: 0 }
  const { ready, degraded } = readinessOf({ storeFilledBy: () => staying })
  t.equal(ready, true)
  t.match(degraded, [
    {
      reason: 'store_full',
      detail: /leaves no room \(176 MB being pulled, warmed or imported, 12 MB kept\):/,
    },
  ])
})

t.test('a node that is cut off from its mesh is ready, and says why it is alone', async t => {
  const nodes = [{ id: 'ab'.repeat(32), name: 'bridge' }]
  const detail = 'our cluster key 1b9adb9c is refused by 10.0.0.11:5053'
  const { ready, degraded } = readinessOf({
    meshAlarms: () => [
      { code: 'clock-apart', nodes },
      { code: 'cut-off', nodes, detail },
    ],
  })
  t.equal(ready, true)
  t.strictSame(degraded, [
    { reason: 'mesh_cut_off', detail: `no other node of the mesh is reached: ${detail}` },
  ])
})

t.test('what others of the mesh suffer from makes no node degraded', async t => {
  const nodes = [{ id: 'cd'.repeat(32), name: 'galley' }]
  const { degraded } = readinessOf({ meshAlarms: () => [{ code: 'clock-apart', nodes }] })
  t.strictSame(degraded, [])
})

t.test('a node whose file of cluster keys is broken says so while it goes on', async t => {
  const nodes = [{ id: 'ab'.repeat(32), name: 'bridge' }]
  const { ready, degraded } = readinessOf({
    meshAlarms: () => [{ code: 'keys-unread', nodes, detail: 'it is not there' }],
  })
  t.equal(ready, true)
  t.match(degraded, [{ reason: 'mesh_keys_unread', detail: /it is not there$/ }])
})

t.test('a node whose file of tokens is broken says so while it goes on', async t => {
  const failure = 'admin.tokenFile /data/admin.token is not there'
  const { ready, degraded } = readinessOf({ tokenFailures: () => [failure] })
  t.equal(ready, true)
  t.match(degraded, [{ reason: 'tokens_unread', detail: /of before are in force.*is not there$/ }])
})

t.test('a disk that loses blobs is told, with how many and what tells which', async t => {
  const told = (damaged: number, unreadable: number) => {
    const { ready, degraded } = readinessOf({ damage: () => ({ damaged, unreadable }) })
    t.equal(ready, true, 'what is damaged is not served, and the rest is')
    return degraded
  }
  t.strictSame(told(0, 0), [])
  t.match(told(1, 0), [{ reason: 'store_damaged', detail: /one blob .*`holdfast scrub --status`/ }])
  t.match(told(2, 0), [{ detail: /^since the start 2 blobs did not hash to / }])
  t.match(told(0, 3), [{ detail: /^since the start 3 blobs could not be read: / }])
  t.match(told(2, 1), [{ detail: /2 blobs did not hash .*, one blob could not be read: / }])
})
