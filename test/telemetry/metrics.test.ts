import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { StoreUsage } from '../../src/ports/content-store.ts'
import { HoldfastError, UpstreamFailure } from '../../src/ports/errors.ts'
import { degradedReasons } from '../../src/ports/readiness.ts'
import type { LedgerStats } from '../../src/ports/tag-ledger.ts'
import type { Upstream } from '../../src/ports/upstream.ts'
import type { ResolveTag } from '../../src/pull/resolution.ts'
import { measureResolveTag } from '../../src/telemetry/measured-resolve-tag.ts'
import { measureStore } from '../../src/telemetry/measured-store.ts'
import { measureUpstream } from '../../src/telemetry/measured-upstream.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { type NodeState, watchNode } from '../../src/telemetry/watch-node.ts'
import { keepLog, resolved } from '../http/support.ts'
import { createMemoryStore } from '../support/memory-store.ts'

/** A clock that each look moves by a quarter second. */
function steppingClock(): Clock {
  let nowMs = 0
  return { wallMs: () => 0, monotonicMs: () => (nowMs += 250) }
}

const key = { registry: 'reg.lab', repository: 'lab/app', tag: 'latest' }
const signal = new AbortController().signal

/** The lines of our own metrics that are not zero, without help and buckets. */
async function told(metrics: Metrics): Promise<readonly string[]> {
  const { text } = await metrics.expose()
  return text
    .split('\n')
    .filter(
      line => line.startsWith('holdfast_') && !line.includes('_bucket') && !line.endsWith(' 0'),
    )
    .filter(line => !line.startsWith('holdfast_build_info'))
}

t.test('a resolution is one line at info and one count, an explanation neither', async t => {
  const metrics = createMetrics({ version: '1.2.3' })
  const { log, lines } = keepLog()
  let answer: Awaited<ReturnType<ResolveTag>> = resolved({
    failure: 'unreachable',
    source: 'ledger',
  })
  const resolveTag = measureResolveTag(async () => answer, {
    meter: metrics.resolutions,
    clock: steppingClock(),
    log,
  })
  t.equal(await resolveTag(key, { asking: 'HEAD', signal }), answer)
  answer = { found: false, key, reason: 'nothing is known', failure: undefined, steps: [] }
  await resolveTag(key, { asking: 'GET', signal })
  await resolveTag(key, { asking: 'explain', signal })
  t.match(lines, [
    {
      level: 'info',
      message: 'tag resolved',
      fields: {
        ref: 'reg.lab:5000/lab/app:latest',
        source: 'ledger',
        digest: resolved().digest,
        failure: 'unreachable',
        durationMs: 250,
      },
    },
    { level: 'info', fields: { source: 'none', reason: 'nothing is known' } },
  ])
  t.equal(lines.length, 2)
  t.same(await told(metrics), [
    'holdfast_resolutions_total{source="ledger",failure="unreachable"} 1',
    'holdfast_resolutions_total{source="none",failure="none"} 1',
    'holdfast_resolve_duration_seconds_sum{source="ledger"} 0.25',
    'holdfast_resolve_duration_seconds_count{source="ledger"} 1',
    'holdfast_resolve_duration_seconds_sum{source="none"} 0.25',
    'holdfast_resolve_duration_seconds_count{source="none"} 1',
  ])
})

t.test('how old an answer was is told where its owner did not confirm it just now', async t => {
  const metrics = createMetrics({ version: '1' })
  const answers = [
    resolved({ source: 'ledger', fresh: false, ageSeconds: 90_000 }),
    resolved({ source: 'upstream', fresh: true, ageSeconds: undefined }),
    resolved({ source: 'pin', fresh: false, ageSeconds: undefined }),
  ]
  for (const answer of answers) {
    const resolveTag = measureResolveTag(async () => answer, {
      meter: metrics.resolutions,
      clock: steppingClock(),
      log: keepLog().log,
    })
    await resolveTag(key, { asking: 'HEAD', signal })
  }
  const { text } = await metrics.expose()
  const lines = text.split('\n').filter(line => line.startsWith('holdfast_stale_answer'))
  const bucket = (le: string) =>
    lines.find(line => line.includes(`le="${le}"`) && line.includes('ledger'))
  t.match(bucket('86400'), / 0$/)
  t.match(bucket('172800'), / 1$/)
  const counted = lines.filter(line => line.includes('_count') && !line.endsWith(' 0'))
  t.equal(counted.length, 1, 'the other answers have no age')
})

t.test(
  'every question to an upstream is counted with its outcome, and the bytes that came',
  async t => {
    const metrics = createMetrics({ version: '1' })
    let failure: Error | undefined
    const answer = async <T>(value: T): Promise<T> => {
      if (failure !== undefined) throw failure
      return value
    }
    const bytes = Buffer.from('manifest')
    const digest = digestOf(bytes)
    const body = (async function* () {
      yield Buffer.alloc(10)
      yield Buffer.alloc(5)
    })()
    const inner: Upstream = {
      resolveTag: () => answer({ manifest: bytes } as never),
      getManifest: () => answer({ digest, mediaType: 'x', bytes }),
      getBlob: () => answer({ offset: 0, size: 15, body }),
      listTags: () => answer(['a']),
      listReferrers: () => answer([]),
      reach: () => ({ state: 'reachable' }),
      isConfigured: () => true,
      endpoints: () => [],
      heardAtMs: () => undefined,
      isThere: async () => false,
      tryUnheard() {},
      onRecovered: () => () => {},
    }
    const upstream = measureUpstream(inner, { meter: metrics.upstream, clock: steppingClock() })
    t.equal(upstream.reach(key).state, 'reachable', 'the rest is passed on')
    await upstream.resolveTag(key, { signal, deadlineMs: 1, insist: false })
    await upstream.getManifest(key, digest, signal)
    const blob = await upstream.getBlob(key, digest, 0, signal)
    let received = 0
    for await (const chunk of blob.body) received += chunk.byteLength
    t.equal(received, 15)
    await upstream.listTags(key, signal)
    await upstream.listReferrers(key, digest, signal)
    for (const error of [
      new UpstreamFailure('unreachable', 'portal', 'a login page'),
      new DOMException('left', 'AbortError'),
      new TypeError('ours'),
    ]) {
      failure = error
      await t.rejects(upstream.listTags(key, signal), error)
    }
    const lines = await told(metrics)
    t.same(
      lines.filter(line => line.includes('requests_total') || line.includes('bytes')),
      [
        'holdfast_upstream_requests_total{kind="tag",outcome="ok"} 1',
        'holdfast_upstream_requests_total{kind="manifest",outcome="ok"} 1',
        'holdfast_upstream_requests_total{kind="blob",outcome="ok"} 1',
        'holdfast_upstream_requests_total{kind="tags",outcome="ok"} 1',
        'holdfast_upstream_requests_total{kind="referrers",outcome="ok"} 1',
        'holdfast_upstream_requests_total{kind="tags",outcome="portal"} 1',
        'holdfast_upstream_requests_total{kind="tags",outcome="aborted"} 1',
        'holdfast_upstream_requests_total{kind="tags",outcome="fault"} 1',
        `holdfast_bytes_total{source="upstream",direction="in"} ${2 * bytes.length + 15}`,
      ],
    )
    t.ok(lines.includes('holdfast_upstream_request_duration_seconds_count{kind="tags"} 4'))
  },
)

t.test('leaving a measured body early closes the connection behind it', async t => {
  let isClosed = false
  const body = (async function* () {
    try {
      for (;;) yield Buffer.alloc(1)
    } finally {
      isClosed = true
    }
  })()
  const upstream = measureUpstream(
    { getBlob: async () => ({ offset: 0, size: undefined, body }) } as never,
    { meter: createMetrics({ version: '1' }).upstream, clock: steppingClock() },
  )
  const blob = await upstream.getBlob(key, digestOf(Buffer.alloc(0)), 0, signal)
  for await (const _ of blob.body) break
  t.ok(isClosed)
})

t.test('a measured store is still that store, and says what failed', async t => {
  const metrics = createMetrics({ version: '1' })
  const store = measureStore(createMemoryStore(), metrics.store)
  const bytes = Buffer.from('some bytes')
  const digest = digestOf(bytes)
  t.equal(await store.open(digest), undefined)
  await store.put(digest, bytes)
  t.same(await store.get(digest, 100), bytes)
  t.equal(store.stat(digest)?.size, bytes.length)
  await t.rejects(store.put(digestOf(Buffer.from('x')), bytes), { code: 'wrong-digest' })
  const other = Buffer.from('other')
  const writer = await store.write(digestOf(other), other.length)
  await writer.write(other)
  t.equal(writer.offset, other.length)
  await writer.commit()
  await writer.release()
  await store.delete(digest)
  t.same((await told(metrics)).toSorted(), [
    'holdfast_store_changed_bytes_total{kind="added"} 15',
    'holdfast_store_changed_bytes_total{kind="removed"} 10',
    'holdfast_store_changes_total{kind="added"} 2',
    'holdfast_store_changes_total{kind="removed"} 1',
    'holdfast_store_operations_total{operation="begin",outcome="ok"} 1',
    'holdfast_store_operations_total{operation="commit",outcome="ok"} 1',
    'holdfast_store_operations_total{operation="delete",outcome="ok"} 1',
    'holdfast_store_operations_total{operation="get",outcome="ok"} 1',
    'holdfast_store_operations_total{operation="open",outcome="absent"} 1',
    'holdfast_store_operations_total{operation="put",outcome="ok"} 1',
    'holdfast_store_operations_total{operation="put",outcome="wrong-digest"} 1',
  ])
})

t.test('a write that finds no room is counted', async t => {
  const metrics = createMetrics({ version: '1' })
  const full = new HoldfastError('store-full', 'no room')
  const store = measureStore(
    {
      onChange: () => () => {},
      write: async () => ({
        write: async () => {
          throw full
        },
      }),
    } as never as ReturnType<typeof createMemoryStore>,
    metrics.store,
  )
  const writer = await store.write(digestOf(Buffer.alloc(0)), 1)
  await t.rejects(writer.write(Buffer.alloc(1)), full)
  t.ok(
    (await told(metrics)).includes(
      'holdfast_store_operations_total{operation="write",outcome="store-full"} 1',
    ),
  )
})

const usage: StoreUsage = {
  blobBytes: 100,
  partialBytes: 7,
  blobs: 3,
  freeBytes: 1000,
  totalBytes: 5000,
}
const stats = {
  pins: 2,
  writable: true,
  clockVerified: true,
  clockOffsetMs: -1500,
} as LedgerStats

function nodeState(change: Partial<NodeState> = {}): NodeState {
  return {
    endpoints: () => [],
    ledger: () => stats,
    countTags: async () => 12,
    storeUsage: async () => usage,
    readiness: () => ({ ready: true, degraded: [] }),
    keptImages: () => ({ held: 5, lacking: 2, elsewhere: 0 }),
    lastReport: () => ({
      atMs: 0,
      verdicts: { ready: 4, 'at-risk': 0, 'not-ready': 1 },
      copies: [1, 0, 4, 0],
    }),
    damagedBlobs: () => 0,
    ...change,
  }
}

t.test('the state of the node is read when somebody asks', async t => {
  const metrics = createMetrics({ version: '1' })
  let looks = 0
  const endpoint = {
    hasAnswered: true,
    openRepositories: 0,
    lastFailure: undefined,
    lastFailureAtMs: undefined,
    downSinceMs: undefined,
    url: 'https://u:p@secret',
  }
  watchNode(
    metrics.registry,
    nodeState({
      storeUsage: async () => {
        looks++
        return usage
      },
      endpoints: () => [
        { ...endpoint, registry: 'reg.lab', state: 'open' },
        { ...endpoint, registry: 'reg.lab', state: 'closed', openRepositories: 4 },
        { ...endpoint, registry: 'evil.lab', state: 'closed' },
      ],
      readiness: () => ({ ready: true, degraded: [{ reason: 'store_full', detail: 'x' }] }),
    }),
    { registries: ['reg.lab'] },
  )
  t.same(await told(metrics), [
    'holdfast_breaker_endpoints{registry="reg.lab",state="closed"} 1',
    'holdfast_breaker_endpoints{registry="reg.lab",state="open"} 1',
    'holdfast_breaker_endpoints{registry="*",state="closed"} 1',
    'holdfast_breaker_open_repositories{registry="reg.lab"} 4',
    'holdfast_ledger_rows{kind="observation"} 12',
    'holdfast_ledger_rows{kind="pin"} 2',
    'holdfast_clock_offset_seconds -1.5',
    'holdfast_blobs 3',
    'holdfast_store_bytes 100',
    'holdfast_store_partial_bytes 7',
    'holdfast_store_free_bytes 1000',
    'holdfast_store_total_bytes 5000',
    'holdfast_kept_images{state="held"} 5',
    'holdfast_kept_images{state="lacking"} 2',
    'holdfast_report_images{verdict="ready"} 4',
    'holdfast_report_images{verdict="not-ready"} 1',
    'holdfast_report_image_copies{copies="0"} 1',
    'holdfast_report_image_copies{copies="2"} 4',
    'holdfast_degraded{reason="store_full"} 1',
  ])
  t.equal(looks, 1, 'with one look at the file system')
})

t.test('all names tell thing and unit, and every reason to be degraded is there', async t => {
  const metrics = createMetrics({ version: '1.2.3' })
  watchNode(metrics.registry, nodeState(), { registries: [] })
  metrics.collected({ blobs: 2, bytes: 30, seconds: 0.5 })
  metrics.mirror.answered('blob', 206)
  metrics.mirror.cameBy('2')
  metrics.mirror.blobSent('flight', 'sent', 99, 'further')
  const { text, contentType } = await metrics.expose()
  t.match(contentType, /^text\/plain; version=0\.0\.4/)
  for (const { name, type, help } of await metrics.registry.getMetricsAsJSON()) {
    t.match(name, /^(holdfast|process|nodejs)_[a-z0-9_]+$/)
    t.ok(help)
    if (name.startsWith('holdfast_') && String(type) === 'counter') t.match(name, /_total$/)
  }
  for (const reason of degradedReasons) {
    t.ok(text.includes(`holdfast_degraded{reason="${reason}"} 0`), reason)
  }
  for (const line of [
    'holdfast_build_info{version="1.2.3"} 1',
    'holdfast_gc_runs_total 1',
    'holdfast_gc_dropped_blobs_total 2',
    'holdfast_gc_dropped_bytes_total 30',
    'holdfast_gc_duration_seconds_total 0.5',
    'holdfast_mirror_requests_total{kind="blob",status="206"} 1',
    'holdfast_mirror_target_requests_total{target="2"} 1',
    'holdfast_bytes_total{source="flight",direction="out",path="further"} 99',
    'holdfast_blob_answers_total{source="flight",outcome="sent"} 1',
  ]) {
    t.ok(text.includes(`${line}\n`), line)
  }
  t.match(text, /process_resident_memory_bytes \d/)
})
