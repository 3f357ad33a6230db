import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { openDiskStore } from '../../src/adapters/disk/open-disk-store.ts'
import type { UpstreamSettings } from '../../src/adapters/registry/settings.ts'
import { silentLog } from '../../src/ports/log.ts'
import { isAbsent } from '../../src/pull/absent.ts'
import type { FlightSettings } from '../../src/pull/blob-flight.ts'
import { makeUpstream } from '../adapters/registry/support/upstream.ts'
import { makeImage } from '../support/image.ts'
import { download, openPull, present } from '../support/pull-parts.ts'
import { startRegistry } from '../support/registry.ts'

// The whole way of a pull with nothing faked: a registry on loopback, the registry client, the disk store.

const image = makeImage({ layers: [2000, 10_000_000] })
const ours = image.for('linux/amd64')
const layer = ours.layers[1] ?? ours
const { digest, size, bytes } = layer
const { signal } = new AbortController()

async function setUp(t: Test) {
  const registry = await startRegistry({
    images: { 'lab/app': { blobs: image.blobs, tags: new Map() } },
  })
  t.teardown(() => registry.close())
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-pull-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const repository = { registry: registry.host, repository: 'lab/app' }
  const open: (() => Promise<void>)[] = []
  t.teardown(async () => {
    for (const close of open.splice(0)) await close()
  })

  /** A daemon's life: opened on what the one before left on the disk. Nothing is late unless `timeouts` say so. */
  async function start(
    flights: Partial<FlightSettings> = {},
    timeouts: Partial<UpstreamSettings['timeouts']> = {},
  ) {
    const store = await openDiskStore({
      dir,
      log: silentLog,
      quotaBytes: 2 ** 30,
      minFreeBytes: 0,
    })
    const patient = { connectMs: 30_000, headersMs: 30_000, stallMs: 30_000 }
    const upstream = makeUpstream(t, {
      [registry.host]: { url: registry.url, timeouts: { ...patient, ...timeouts } },
    })
    const long = { firstByteMs: 30_000, stallMs: 30_000, holdMs: 30_000 }
    const pull = openPull(upstream, { store, flights: { ...long, ...flights } })
    await pull.graph.load()
    const close = async () => {
      await upstream.close()
      await pull.close()
      await store.close()
    }
    open.push(close)
    return {
      ...pull,
      get: async (range: { start?: number; end?: number } = {}) =>
        download(present(await pull.blobs.open(repository, digest, { ...range, signal })), range),
      async stop() {
        open.splice(open.indexOf(close), 1)
        await close()
      },
    }
  }
  return { registry, repository, start }
}

t.test('an image is pulled whole, once, and then served without its registry', async t => {
  const { registry, repository, start } = await setUp(t)
  const { manifests, blobs, completeness, stop } = await start()
  for (const manifest of [image, ours]) {
    const got = present(await manifests.get(repository, manifest.digest, signal))
    t.strictSame(got.bytes, manifest.bytes)
    t.equal(got.mediaType, manifest.mediaType)
  }
  for (const part of [ours.config, ...ours.layers]) {
    const blob = present(await blobs.open(repository, part.digest, { signal }))
    t.ok((await download(blob).whole).equals(part.bytes))
  }
  await stop()
  t.equal(completeness.isComplete(image.digest), true)

  await registry.refuse()
  const next = await start()
  t.equal(next.completeness.isComplete(image.digest), true, 'after a restart, too')
  t.ok((await (await next.get()).whole).equals(bytes))
  t.match(await next.manifests.get(repository, image.digest, signal), { source: 'store' })
})

t.test('five clients at once are one upstream fetch', async t => {
  const { registry, start } = await setUp(t)
  const { get } = await start()
  const clients = await Promise.all(Array.from({ length: 5 }, () => get()))
  for (const client of clients) t.ok((await client.whole).equals(bytes))
  t.equal(registry.count('blob'), 1)
  t.equal(registry.bytesSent('blob'), size)
})

t.test('cut at every tenth with a restart in between, each byte comes once', async t => {
  const { registry, start } = await setUp(t)
  const tenth = Math.ceil(size / 10)
  const got: Buffer[] = []
  let [requests, sent] = [0, 0]
  const length = () => got.reduce((sum, part) => sum + part.length, 0)
  for (let cuts = 0; length() < size; cuts += 1) {
    const fault = registry.fault({ do: 'freeze', at: 'body', afterBytes: tenth })
    const daemon = await start()
    const before = length()
    const client = await daemon.get({ start: before })
    const isLast = size - before <= tenth
    if (isLast) await client.whole
    else await client.reached(tenth - 1)
    t.equal(fault.hits, 1)
    await daemon.stop()
    await client.whole.catch(error => t.equal(error.code, 'blob-interrupted'))
    got.push(client.bytes())
    requests += registry.count('blob')
    sent += registry.bytesSent('blob')
    registry.clearLog() // what it still hands to the closed connection reaches nobody
    registry.heal()
    if (cuts > 12) throw new Error('no end in sight')
  }
  t.ok(Buffer.concat(got).equals(bytes))
  t.equal(requests, 10)
  t.ok(sent <= size * 1.05, `${sent} of ${size}`)
})

for (const how of ['fin', 'rst'] as const) {
  t.test(`a link that breaks at every tenth (${how}) is not noticed by the client`, async t => {
    const { registry, start } = await setUp(t)
    const afterBytes = Math.ceil(size / 10)
    const fault = registry.fault({ do: 'truncate', afterBytes, with: how }, { kind: 'blob' })
    const { get } = await start()
    t.ok((await (await get()).whole).equals(bytes))
    t.ok(fault.hits >= 10)
    const starts = registry.log.map(({ range }) => Number(/\d+/.exec(range ?? '0')))
    t.strictSame(
      starts,
      [...new Set(starts)].sort((a, b) => a - b),
      'it goes on where it was',
    )
    // A reset takes what has not been read with it, in both kernels: then the bytes handed out say nothing.
    const sent = registry.bytesSent('blob')
    if (how === 'fin') t.ok(sent >= size && sent <= size * 1.05, `${sent} of ${size}`)
  })
}

t.test('wrong bytes never reach their end and are not kept', async t => {
  const { registry, repository, start } = await setUp(t)
  const fault = registry.fault({ do: 'wrong-bytes' }, { kind: 'blob' })
  const { blobs, store, completeness, manifests, failed } = await start()
  await manifests.get(repository, ours.digest, signal)
  const opened = await blobs.open(repository, digest, { signal })
  if (!isAbsent(opened)) {
    const client = download(opened)
    await t.rejects(client.whole)
    t.ok(client.bytes().length < size)
  }
  while (failed.length === 0) await new Promise(setImmediate)
  t.equal(fault.hits, 1)
  t.equal(store.stat(digest), undefined)
  t.equal(store.partial(digest), 0)
  t.equal(completeness.isSuspect(ours.digest), true)
})

t.test('a body that stalls is cut for its readers, and continued when it moves again', async t => {
  const { registry, start } = await setUp(t)
  const fault = registry.fault({ do: 'freeze', at: 'body', afterBytes: 4_000_000 })
  const { get } = await start({ stallMs: 1_000 }, { stallMs: 1_000 })
  const client = await get()
  await t.rejects(client.whole, { code: 'blob-interrupted' })
  t.equal(client.bytes().length, 4_000_000)
  t.equal(fault.hits >= 1, true)
  registry.heal()
  const rest = await get({ start: 4_000_000 })
  t.ok((await rest.whole).equals(bytes.subarray(4_000_000)))
  t.ok(registry.bytesSent('blob') <= size * 1.05)
})

t.test('a registry that is silent is absent in bounded time', async t => {
  const { registry, repository, start } = await setUp(t)
  const { blobs, manifests } = await start({ firstByteMs: 100 }, { headersMs: 1_000 })
  registry.freeze()
  t.match(await blobs.open(repository, digest, { signal }), { absent: true })
  t.match(await manifests.get(repository, image.digest, signal), { absent: true })
})

t.test('ranges of a blob that is not held yet get the right bytes', async t => {
  const { registry, start } = await setUp(t)
  registry.fault({ do: 'slow', bytesPerSecond: 40_000_000 }, { kind: 'blob' })
  const { get } = await start()
  const ranges = [
    { start: 0 },
    { start: 4_194_304 },
    { start: 8_388_608 },
    { start: 100, end: 199 },
    { start: size - 1 },
    { start: 0, end: size - 1 },
  ]
  const clients = await Promise.all(ranges.map(range => get(range)))
  for (const [n, { start, end = size - 1 }] of ranges.entries()) {
    t.ok((await clients[n]?.whole)?.equals(bytes.subarray(start, end + 1)))
  }
  t.equal(registry.count('blob'), 1)
})

t.test('a registry that ignores ranges costs bytes, not correctness', async t => {
  const { registry, start } = await setUp(t)
  const cut = registry.fault(
    { do: 'truncate', afterBytes: 3_000_000, with: 'fin' },
    { kind: 'blob', times: 1 },
  )
  const ignoring = registry.fault({ do: 'ignore-range' }, { kind: 'blob' })
  const { get } = await start()
  t.ok((await (await get()).whole).equals(bytes))
  t.equal(cut.hits, 1)
  t.equal(ignoring.hits, 2)
})
