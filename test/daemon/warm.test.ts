import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { makeImage, makeReferrer } from '../support/image.ts'
import { type ScriptedRegistry, startRegistry } from '../support/registry.ts'
import { startNode } from '../support/start-node.ts'
import { makeKey } from '../system/support/mesh.ts'
import { freePort } from '../system/support/process.ts'

const platforms = ['linux/amd64']
const one = makeImage({ platforms, salt: 'one', layers: [300_000, 5_000] })
const two = makeImage({ platforms, salt: 'two', layers: [200_000] })

type Node = Awaited<ReturnType<typeof startNode>>

async function registryWith(t: Test): Promise<ScriptedRegistry> {
  const registry = await startRegistry({
    images: {
      'lab/one': { tags: new Map([['v1', one]]), blobs: one.blobs },
      'lab/two': { tags: new Map([['v1', two]]), blobs: two.blobs },
    },
  })
  t.teardown(() => registry.close())
  return registry
}

async function apiOf({ addresses }: Node, dir: string) {
  const token = (await readFile(join(dir, 'data', 'admin.token'), 'utf8')).trim()
  const base = `http://${addresses.admin}/api/v1/`
  const headers = { authorization: `Bearer ${token}` }
  const call = async (method: string, path: string, body?: object) => {
    const response = await fetch(base + path, {
      method,
      headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }
  return {
    call,
    events: (path: string, more: Record<string, string> = {}) =>
      fetch(base + path, { headers: { ...headers, ...more } }),
    async waiting(id: string) {
      for (;;) {
        const { body } = await call('GET', `jobs/${id}`)
        if (body['state'] === 'waiting') return body
        await delay(50)
      }
    },
    /** So many other nodes are alive. */
    async met(others: number) {
      for (;;) {
        const { body } = await call('GET', 'peers')
        const members = body['members'] as { state: string }[]
        if (members.filter(({ state }) => state === 'alive').length === others) return
        await delay(50)
      }
    },
    async over(id: string) {
      for (;;) {
        const { body } = await call('GET', `jobs/${id}`)
        if (body['state'] !== 'running' && body['state'] !== 'waiting') return body
        await delay(50)
      }
    },
  }
}

t.test('a job fetches images, tells how it is, and is there once', async t => {
  const registry = await registryWith(t)
  const dir = t.testdir()
  const node = await startNode(registry, dir)
  t.teardown(() => node.close())
  const api = await apiOf(node, dir)
  const images = [`${registry.host}/lab/one:v1`, `${registry.host}/lab/two:v1`]
  const put = await api.call('PUT', 'jobs/first', { images })
  t.match(put, { status: 200, body: { id: 'first', images: 2, scope: 'all' } })
  t.match((await api.call('PUT', 'jobs/first', { images })).status, 200)
  t.match(await api.call('PUT', 'jobs/first', { images: images.slice(1) }), { status: 409 })

  const over = await api.over('first')
  const bytes = [...one.blobs.values(), ...two.blobs.values()].reduce((n, b) => n + b.length, 0)
  t.match(over, { state: 'done', done: 2, failed: 0, wanted: 2, bytes, totalBytes: bytes })
  t.match((over['nodes'] as object[])[0], {
    there: true,
    images: [
      { state: 'done', digest: one.digest },
      { state: 'done', digest: two.digest },
    ],
  })
  t.equal(registry.log.filter(({ kind, method }) => kind === 'blob' && method === 'GET').length, 5)
  t.equal((await node.ask(`lab/one/manifests/v1`, { method: 'HEAD' })).status, 200)
  t.match(await api.call('GET', 'jobs'), { body: { items: [{ id: 'first', state: 'done' }] } })
  const told = await (await api.events('jobs/first/events')).text()
  t.match(told, /^event: end\nid: [0-9-]+-[0-9a-f]{16}\ndata: \{"id":"first".*"state":"done"/)

  t.match(await api.call('DELETE', 'jobs/first'), { status: 200, body: { removed: true } })
  t.match(await api.call('GET', 'jobs/first'), { status: 404 })
})

t.test('a job waits for its registry, and goes on after a restart with what it had', async t => {
  const registry = await registryWith(t)
  const dir = t.testdir()
  const first = await startNode(registry, dir)
  t.teardown(() => first.close())
  const asked = await apiOf(first, dir)
  await registry.refuse()
  const images = [`${registry.host}/lab/one:v1`]
  await asked.call('PUT', 'jobs/night', { images })
  await asked.waiting('night')
  await first.close()
  await registry.accept()
  const again = await startNode(registry, dir)
  t.teardown(() => again.close())
  const over = await (await apiOf(again, dir)).over('night')
  t.match(over, { state: 'done', done: 1, wanted: 1 })
})

/** Of the only node of a job, its only image. */
const imageIn = (job: Record<string, unknown>) =>
  (job['nodes'] as { images: Record<string, unknown>[] }[])[0]?.images[0] ?? {}

t.test(
  'without a registry a job takes what the ledger says, where all of that is here',
  async t => {
    const registry = await registryWith(t)
    const dir = t.testdir()
    const node = await startNode(registry, dir)
    t.teardown(() => node.close())
    const api = await apiOf(node, dir)
    const images = [`${registry.host}/lab/one:v1`]
    await api.call('PUT', 'jobs/evening', { images })
    await api.over('evening')
    await registry.refuse()
    const { length } = registry.log
    await api.call('PUT', 'jobs/night', { images })
    const over = await api.over('night')
    t.match(over, { state: 'done', done: 1 })
    t.match(imageIn(over), {
      state: 'done',
      digest: one.digest,
      reason: 'from the ledger; registry not reached',
    })
    t.equal(registry.log.length, length, 'nobody was asked')
  },
)

const moved = makeImage({ platforms, salt: 'moved', layers: [100_000] })

/** A node that warmed `lab/one:v1`, which stands for another image since. Its clients wait for a second. */
async function movedSince(t: Test) {
  const registry = await registryWith(t)
  const dir = t.testdir()
  const node = await startNode(registry, dir, { resolve: { timeoutMs: 1_000 } })
  t.teardown(() => node.close())
  const api = await apiOf(node, dir)
  const images = [`${registry.host}/lab/one:v1`]
  await api.call('PUT', 'jobs/before', { images })
  await api.over('before')
  registry.addImage('lab/one', { tags: new Map([['v1', moved]]), blobs: moved.blobs })
  return { registry, api, images }
}

t.test('a registry that is late is waited for', async t => {
  const { registry, api, images } = await movedSince(t)
  const late = registry.fault({ do: 'slow', delayMs: 1_500 })
  await api.call('PUT', 'jobs/night', { images })
  const over = await api.over('night')
  t.ok(late.hits > 0)
  t.match(imageIn(over), { state: 'done', digest: moved.digest })
  t.notMatch(imageIn(over), { reason: /./ })
})

t.test('a registry that is frozen for a moment is waited for', async t => {
  const { registry, api, images } = await movedSince(t)
  registry.freeze()
  await api.call('PUT', 'jobs/night', { images })
  await delay(2_500)
  registry.thaw()
  t.match(imageIn(await api.over('night')), { state: 'done', digest: moved.digest })
})

t.test('a registry that never speaks is waited for no longer than ten seconds or so', async t => {
  const { registry, api, images } = await movedSince(t)
  registry.freeze()
  const startedMs = performance.now()
  await api.call('PUT', 'jobs/night', { images })
  t.match(imageIn(await api.over('night')), {
    ...{ state: 'done', digest: one.digest, reason: 'from the ledger; registry not reached' },
  })
  const tookMs = performance.now() - startedMs
  t.ok(tookMs > 9_000 && tookMs < 20_000, `${tookMs} ms`)
})

t.test('what the ledger said is asked again while the job waits for another image', async t => {
  const { registry, api, images } = await movedSince(t)
  await registry.refuse()
  await api.call('PUT', 'jobs/night', { images: [...images, `${registry.host}/lab/two:v1`] })
  for (;;) {
    const job = await api.call('GET', 'jobs/night')
    if (imageIn(job.body)['state'] === 'done') break
    await delay(50)
  }
  await registry.accept()
  const over = await api.over('night')
  t.match(over, { state: 'done', done: 2 })
  t.match(imageIn(over), { digest: moved.digest })
  t.notMatch(imageIn(over), { reason: /./ })
})

/** A node that fetches nothing of which no client asks. */
async function startLazy(t: Test) {
  const registry = await registryWith(t)
  const dir = t.testdir()
  const node = await startNode(registry, dir, {
    store: { completeTags: false, minFreeBytes: '1MiB' },
  })
  t.teardown(() => node.close())
  const api = await apiOf(node, dir)
  return { registry, node, api }
}

t.test('what nobody holds of it is waited for, and named', async t => {
  const { registry, node, api } = await startLazy(t)
  await node.ask('lab/one/manifests/v1', { method: 'HEAD' })
  const { digest, config, layers } = one.for('linux/amd64')
  t.equal((await node.ask(`lab/one/manifests/${digest}`)).status, 200)
  await registry.refuse()
  await api.call('PUT', 'jobs/night', { images: [`${registry.host}/lab/one:v1`] })
  const { reason, waitsSince } = imageIn(await api.waiting('night'))
  t.match(
    String(reason),
    `it stood for last, ${one.digest.slice(0, 19)}…: missing ${config.digest}, `,
  )
  t.match(String(reason), `, ${layers[0]?.digest} and 1 more`)
  t.ok(Date.parse(String(waitsSince)) <= Date.now())
  await registry.accept()
  const over = await api.over('night')
  t.match(over, { state: 'done' })
  t.notMatch(imageIn(over), { reason: /./ }, 'the registry said what it is')
  t.notMatch(imageIn(over), { waitsSince: /./ })
})

t.test('a pin that nobody holds is fetched once its registry is there', async t => {
  const { registry, api } = await startLazy(t)
  const image = `${registry.host}/lab/one:v1`
  const body = { to: one.digest, allowIncomplete: true }
  await registry.refuse()
  const described = { mediaType: 'application/vnd.oci.image.index.v1+json', size: 100 }
  const pin = await api.call('PUT', `pins/${encodeURIComponent(image)}`, { ...body, described })
  t.equal(pin.status, 200)
  await api.call('PUT', 'jobs/night', { images: [image] })
  t.match(imageIn(await api.waiting('night')), { digest: one.digest })
  await registry.accept()
  t.match(await api.over('night'), { state: 'done', done: 1 })
})

t.test('what does not fit the store fails, and says so', async t => {
  const registry = await registryWith(t)
  const dir = t.testdir()
  const node = await startNode(registry, dir, {
    store: { quotaBytes: '260KB', minFreeBytes: '1MiB' },
  })
  t.teardown(() => node.close())
  const api = await apiOf(node, dir)
  const images = [`${registry.host}/lab/two:v1`, `${registry.host}/lab/one:v1`]
  await api.call('PUT', 'jobs/night', { images, concurrency: 1 })
  const over = await api.over('night')
  t.match(over, { state: 'failed', done: 1, failed: 1 })
  const [{ images: told } = { images: [] }] = over['nodes'] as { images: { reason?: string }[] }[]
  t.match(told[1], { state: 'failed', reason: /store/ })
  t.match(told[0], { state: 'done' }, 'and what the job fetched before stays')
})

t.test('what failed for want of room leaves it to the others, and to clients', async t => {
  const MiB = 1024 * 1024
  const fat = makeImage({ platforms, salt: 'fat', layers: [3 * MiB, 3 * MiB, 3 * MiB, 3 * MiB] })
  const small = makeImage({ platforms, salt: 'small', layers: [2 * MiB] })
  const registry = await startRegistry({
    images: {
      'lab/fat': { tags: new Map([['v1', fat]]), blobs: fat.blobs },
      'lab/small': { tags: new Map([['v1', small]]), blobs: small.blobs },
    },
  })
  t.teardown(() => registry.close())
  const dir = t.testdir()
  const store = { quotaBytes: '10MiB', minFreeBytes: '1MiB' }
  const node = await startNode(registry, dir, { store })
  t.teardown(() => node.close())
  const api = await apiOf(node, dir)
  const images = ['fat', 'small'].map(name => `${registry.host}/lab/${name}:v1`)
  await api.call('PUT', 'jobs/large', { images, concurrency: 1 })
  const over = await api.over('large')
  t.match(over, { state: 'failed', done: 1, failed: 1 })
  t.match(imageIn(over)['reason'], /^the store is full of what has to stay/)

  for (;;) {
    const { body } = await api.call('GET', 'nodes/self/store')
    if (body['protectedBytes'] === 0) break
    await delay(50)
  }
  await registry.refuse()
  t.equal((await node.ask('lab/small/manifests/v1')).status, 200)
})

t.test('an image in no index is for what its config says, where a platform is named', async t => {
  const single = one.for('linux/amd64')
  const registry = await startRegistry({
    images: { 'lab/single': { tags: new Map([['v1', single]]), blobs: one.blobs } },
  })
  t.teardown(() => registry.close())
  const dir = t.testdir()
  const node = await startNode(registry, dir, { platforms: ['linux/arm64'] })
  t.teardown(() => node.close())
  const api = await apiOf(node, dir)
  const images = [`${registry.host}/lab/single:v1`]
  const wasAsked = ({ digest }: { readonly digest: string }) =>
    registry.log.some(({ path }) => path.includes(digest))

  await api.call('PUT', 'jobs/named', { images, platforms: ['linux/arm64'] })
  const named = await api.over('named')
  t.match(named, { state: 'failed', done: 0, failed: 1 })
  const [{ images: told } = { images: [] }] = named['nodes'] as { images: object[] }[]
  t.match(told[0], { reason: /nothing in it is for linux\/arm64, only for linux\/amd64; name an/ })
  t.ok(wasAsked(single.config))
  t.notOk(single.layers.some(wasAsked), 'none of its layers was fetched')

  await api.call('PUT', 'jobs/own', { images })
  t.match(await api.over('own'), { state: 'done', done: 1 }, 'as containerd would, whole')
  t.ok(single.layers.every(wasAsked))
  await api.call('PUT', 'jobs/its', { images, platforms: ['linux/amd64'] })
  t.match(await api.over('its'), { state: 'done', done: 1 })
})

t.test('what refers to the images comes with them, as their registry says it now', async t => {
  const signature = makeReferrer({ subject: one })
  const later = makeReferrer({ subject: one, payload: 'signed again' })
  const registry = await startRegistry({
    images: {
      'lab/one': {
        tags: new Map([['v1', one]]),
        blobs: new Map([...one.blobs, ...signature.blobs]),
      },
    },
  })
  t.teardown(() => registry.close())
  const dir = t.testdir()
  const node = await startNode(registry, dir)
  t.teardown(() => node.close())
  const api = await apiOf(node, dir)
  const images = [`${registry.host}/lab/one:v1`]
  const isAsked = ({ digest }: { readonly digest: string }) =>
    registry.log.some(({ path, kind }) => kind !== 'referrers' && path.includes(digest))

  await api.call('PUT', 'jobs/without', { images })
  t.match(await api.over('without'), { state: 'done' })
  t.notOk(isAsked(signature), 'only where that is wanted')
  await api.call('PUT', 'jobs/with', { images, referrers: true })
  t.match(await api.over('with'), { state: 'done', done: 1 })
  t.ok(isAsked(signature))

  registry.addImage('lab/one', { tags: new Map(), blobs: later.blobs })
  const silent = registry.fault({ do: 'status', status: 503 }, { kind: 'referrers' })
  await api.call('PUT', 'jobs/later', { images, referrers: true })
  await api.waiting('later')
  t.ok(silent.hits > 0)
  silent.heal()
  t.match(await api.over('later'), { state: 'done', done: 1 })

  await registry.refuse()
  const listed = await node.ask(`lab/one/referrers/${one.digest}`)
  const { manifests } = (await listed.json()) as { manifests: { digest: string }[] }
  t.same(manifests.map(({ digest }) => digest).sort(), [signature.digest, later.digest].sort())
  for (const { digest, layers } of [signature, later]) {
    t.equal((await node.ask(`lab/one/manifests/${digest}`)).status, 200)
    for (const layer of layers) {
      t.equal((await node.ask(`lab/one/blobs/${layer.digest}`)).status, 200)
    }
  }
})

t.test('a job that is called off fetches nothing more of what it asked for', async t => {
  const registry = await registryWith(t)
  const dir = t.testdir()
  const node = await startNode(registry, dir)
  t.teardown(() => node.close())
  const api = await apiOf(node, dir)
  const held = registry.fault({ do: 'freeze' }, { kind: 'blob' })
  const images = [`${registry.host}/lab/one:v1`, `${registry.host}/lab/two:v1`]
  await api.call('PUT', 'jobs/night', { images, concurrency: 1 })
  const blobs = () => registry.log.filter(({ kind }) => kind === 'blob')
  await registry.waitFor(() => blobs().length > 0)
  await api.call('DELETE', 'jobs/night')
  await registry.waitFor(() => blobs().every(({ isAborted }) => isAborted))
  t.ok(held.hits > 0)
  held.heal()
  const { length } = blobs()
  // What a client asks for is completed behind him; what the job asked for was before it in that queue.
  await node.ask('lab/two/manifests/v1', { method: 'HEAD' })
  const { config, layers } = two.for('linux/amd64')
  const wasSent = ({ digest, size }: { readonly digest: string; readonly size: number }) =>
    blobs().some(({ path, bytes }) => path.includes(digest) && bytes === size)
  await registry.waitFor(() => [config, ...layers].every(wasSent))
  const more = blobs().slice(length)
  t.notOk(more.some(({ path }) => [...one.blobs.keys()].some(digest => path.includes(digest))))
})

t.test('nodes of a mesh fetch each for its own platform', async t => {
  const image = makeImage({ platforms: ['linux/amd64', 'linux/arm64'], salt: 'both' })
  const registry = await startRegistry({
    images: {
      'lab/both': { tags: new Map([['v1', image]]), blobs: image.blobs },
      'lab/one': { tags: new Map([['v1', one]]), blobs: one.blobs },
    },
  })
  t.teardown(() => registry.close())
  const dir = t.testdir({ amd64: {}, arm64: {} })
  const seed = `127.0.0.1:${await freePort()}`
  const nodes = []
  for (const architecture of ['amd64', 'arm64'] as const) {
    const place = join(dir, architecture)
    const node = await startNode(registry, place, {
      node: { name: architecture },
      platforms: [`linux/${architecture}`],
      peer: { listen: '127.0.0.1:0' },
      mesh: {
        enabled: true,
        listen: architecture === 'amd64' ? seed : '127.0.0.1:0',
        secretFile: await secretIn(dir),
        seeds: architecture === 'amd64' ? [] : [seed],
      },
    })
    t.teardown(() => node.close())
    nodes.push({ architecture, ...node, api: await apiOf(node, place) })
  }
  const [{ api } = { api: undefined }] = nodes
  if (api === undefined) throw new Error('no node')
  const images = [`${registry.host}/lab/both:v1`, `${registry.host}/lab/one:v1`]
  await api.met(1)
  await api.call('PUT', 'jobs/own', { images })
  const own = await api.over('own')
  t.match(own, { state: 'done', done: 4, failed: 0, wanted: 4 })
  t.strictSame(statesIn(own), { amd64: ['done', 'done'], arm64: ['done', 'unfit'] })

  await api.call('PUT', 'jobs/asked', { images, platforms: ['linux/arm64'] })
  const asked = await api.over('asked')
  t.match(asked, { state: 'failed', done: 2, failed: 2 }, 'what was asked for is not there')
  t.strictSame(statesIn(asked), { amd64: ['done', 'failed'], arm64: ['done', 'failed'] })

  await registry.refuse()
  for (const { architecture, ask } of nodes) {
    const { layers, config } = image.for(`linux/${architecture}`)
    for (const { digest } of [config, ...layers]) {
      t.equal((await ask(`lab/both/blobs/${digest}`)).status, 200, architecture)
    }
  }
})

/** What became of a job's images, by node. */
const statesIn = (job: Record<string, unknown>) =>
  Object.fromEntries(
    (job['nodes'] as { name: string; images: { state: string }[] }[]).map(({ name, images }) => [
      name,
      images.map(({ state }) => state),
    ]),
  )

async function secretIn(dir: string): Promise<string> {
  const path = join(dir, 'mesh.secret')
  await writeFile(path, `${makeKey(1)}\n`, { mode: 0o600 })
  return path
}
