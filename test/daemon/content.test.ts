import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { makeImage, type TestImage } from '../support/image.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { startRegistry } from '../support/registry.ts'
import { startNode } from '../support/start-node.ts'

type Node = Awaited<ReturnType<typeof startNode>>

/** A registry with one image a repository. */
async function registryOf(t: Test, images: Readonly<Record<string, TestImage>>) {
  const entries = Object.entries(images).map(
    ([name, image]) => [name, { blobs: image.blobs, tags: new Map([['latest', image]]) }] as const,
  )
  const registry = await startRegistry({ images: Object.fromEntries(entries) })
  t.teardown(() => registry.close())
  return registry
}

/** Pulls an image as containerd does; the statuses that are not 200. */
async function pull({ ask }: Node, repository: string, image: TestImage): Promise<number[]> {
  const [manifest] = image.manifests
  if (manifest === undefined) throw new Error('the test image has no manifest')
  const questions = [
    'manifests/latest',
    `manifests/${image.digest}`,
    `manifests/${manifest.digest}`,
    ...[manifest.config, ...manifest.layers].map(({ digest }) => `blobs/${digest}`),
  ]
  const failed: number[] = []
  for (const question of questions) {
    const answer = await ask(`${repository}/${question}`)
    await answer.arrayBuffer()
    if (answer.status !== 200) failed.push(answer.status)
  }
  return failed
}

const secret = makeImage({ platforms: ['linux/amd64'], salt: 'secret', layers: [2_000_000] })
const open = makeImage({ platforms: ['linux/amd64'], salt: 'open' })
const rules = { resolve: { rules: [{ match: '*/secret/*', private: 'deny' }] } }

/** Tries every way to a private image under a repository that may not have it; what came of each. */
async function trespass({ ask }: Node, repository: string): Promise<string[]> {
  const [manifest] = secret.manifests
  const layer = manifest?.layers[0]?.digest
  const ways: [string, string, RequestInit][] = [
    ['manifest', `manifests/${secret.digest}`, {}],
    ['manifest HEAD', `manifests/${secret.digest}`, { method: 'HEAD' }],
    ['image', `manifests/${manifest?.digest}`, {}],
    ['config', `blobs/${manifest?.config.digest}`, {}],
    ['layer', `blobs/${layer}`, {}],
    ['layer HEAD', `blobs/${layer}`, { method: 'HEAD' }],
    ['layer range', `blobs/${layer}`, { headers: { range: 'bytes=0-99' } }],
    ['layer end', `blobs/${layer}`, { headers: { range: 'bytes=-99' } }],
  ]
  const got: string[] = []
  for (const [way, path, init] of ways) {
    const answer = await ask(`${repository}/${path}`, init)
    await answer.arrayBuffer()
    if (answer.status !== 404) got.push(`${way}: ${answer.status}`)
  }
  return got
}

t.test('private content is served under no other repository, by no way of asking', async t => {
  const registry = await registryOf(t, { 'secret/app': secret, 'library/app': open })
  const node = await startNode(registry, t.testdir(), rules)
  t.teardown(() => node.close())
  t.strictSame(await pull(node, 'secret/app', secret), [])
  t.strictSame(await pull(node, 'library/app', open), [])
  for (const repository of ['library/app', 'library/none', 'secret/other']) {
    t.strictSame(await trespass(node, repository), [], `${repository}, online`)
  }
  const referrers = await node.ask(`library/app/referrers/${secret.digest}`)
  const { manifests } = (await referrers.json()) as { manifests: unknown[] }
  t.strictSame(manifests, [])
  await registry.refuse()
  for (const repository of ['library/app', 'library/none', 'secret/other']) {
    t.strictSame(await trespass(node, repository), [], `${repository}, offline`)
  }
  t.strictSame(await pull(node, 'secret/app', secret), [], 'who may have it has it offline')
})

t.test('a private blob that is still arriving, or was interrupted, is nobody else’s', async t => {
  const registry = await registryOf(t, { 'secret/app': secret, 'library/app': open })
  const node = await startNode(registry, t.testdir(), rules)
  t.teardown(() => node.close())
  const layer = secret.manifests[0]?.layers[0]?.digest
  const held = registry.fault(
    { do: 'freeze', at: 'body', afterBytes: 1_500_000 },
    { kind: 'blob', repository: 'secret/app' },
  )
  await (await node.ask('secret/app/manifests/latest')).arrayBuffer()
  await (await node.ask(`secret/app/manifests/${secret.manifests[0]?.digest}`)).arrayBuffer()
  const client = new AbortController()
  const { signal } = client
  const running = await node.ask(`secret/app/blobs/${layer}`, { signal })
  t.ok(held.hits > 0)
  t.strictSame(await trespass(node, 'library/app'), [], 'while it arrives')
  client.abort()
  await running.arrayBuffer().catch(() => undefined)
  registry.cutConnections()
  await registry.refuse()
  t.strictSame(await trespass(node, 'library/app'), [], 'when it was interrupted')
})

t.test('a private image whose sightings a crash has lost stays private, and usable', async t => {
  const registry = await registryOf(t, { 'secret/app': secret, 'library/app': open })
  const dir = t.testdir()
  const first = await startNode(registry, dir, rules)
  t.strictSame(await pull(first, 'secret/app', secret), [])
  await first.close()
  const db = new Database(join(dir, 'data', 'ledger.db'))
  t.ok(db.prepare('DELETE FROM content_sighting').run().changes > 0)
  db.close()

  const second = await startNode(registry, dir, rules)
  t.teardown(() => second.close())
  t.strictSame(await trespass(second, 'library/app'), [], 'online')
  await registry.refuse()
  t.strictSame(await trespass(second, 'library/app'), [], 'offline')
  t.strictSame(await pull(second, 'secret/app', secret), [], 'its tag tells whose it is')
})

t.test('private content of which a lost database told is asked for anew', async t => {
  const registry = await registryOf(t, { 'secret/app': secret, 'library/app': open })
  const dir = t.testdir()
  const first = await startNode(registry, dir, rules)
  t.strictSame(await pull(first, 'secret/app', secret), [])
  await first.close()
  for (const name of ['data/ledger.db', 'data/snapshots']) {
    await rm(join(dir, name), { recursive: true, force: true })
  }

  const offline = await startNode(registry, dir, { ...rules, mode: 'offline' })
  t.strictSame(await trespass(offline, 'library/app'), [], 'offline')
  await offline.close()
  const online = await startNode(registry, dir, rules)
  t.teardown(() => online.close())
  t.strictSame(await trespass(online, 'library/app'), [], 'online')
  t.strictSame(await pull(online, 'secret/app', secret), [])
})

const MiB = 1024 * 1024
/** Images of 2 MiB each. */
const many = Object.fromEntries(
  Array.from({ length: 8 }, (_, i) => [
    `team/app${i}`,
    makeImage({ platforms: ['linux/amd64'], salt: `many ${i}`, layers: [2 * MiB] }),
  ]),
)

/** The names of the images that can be pulled, every blob of them. */
async function whole(node: Node): Promise<string[]> {
  const names: string[] = []
  for (const [name, image] of Object.entries(many)) {
    const failed = await pull(node, name, image)
    if (failed.length === 0) names.push(name)
  }
  return names
}

async function gauge(node: Node, name: string): Promise<number> {
  const metrics = await (await fetch(`http://${node.addresses.health}/metrics`)).text()
  const line = metrics.split('\n').find(text => text.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1))
}

const used = (node: Node) => gauge(node, 'holdfast_store_bytes')

/**
 * Waits for so many bytes of layers. Clients have a blob before the disk does: what is still on its way there can neither be let go nor
 * counted as old.
 */
async function storedBytes(node: Node, bytes: number): Promise<void> {
  const added = () => gauge(node, 'holdfast_store_changed_bytes_total{kind="added"}')
  while (!((await added()) >= bytes)) await setImmediate()
}

/** The same for the layers of so many images. */
const stored = (node: Node, images: number) => storedBytes(node, images * 2 * MiB)

t.test('a full store lets go of what was used longest ago, never of what is kept', async t => {
  const registry = await registryOf(t, many)
  const node = await startNode(registry, t.testdir(), {
    store: { quotaBytes: '10MiB', minFreeBytes: '1MiB' },
    keep: { patterns: ['*/team/app0:latest'] },
  })
  t.teardown(() => node.close())
  for (const [at, [name, image]] of Object.entries(many).entries()) {
    t.strictSame(await pull(node, name, image), [], `${name}, online`)
    await stored(node, at + 1)
    t.ok((await used(node)) <= 10 * MiB, 'within its quota')
  }
  await registry.refuse()
  t.strictSame(await whole(node), ['team/app0', 'team/app5', 'team/app6', 'team/app7'])
})

t.test('the question for its tag is enough to keep an image', async t => {
  const registry = await registryOf(t, many)
  const clock = createMovableClock(Date.now())
  const store = { quotaBytes: '10MiB', minFreeBytes: '1MiB' }
  const node = await startNode(registry, t.testdir(), { store }, { clock })
  t.teardown(() => node.close())
  for (const [at, [name, image]] of Object.entries(many).entries()) {
    t.strictSame(await pull(node, name, image), [])
    await stored(node, at + 1)
    clock.pass(5 * 60_000)
    const head = await node.ask('team/app0/manifests/latest', { method: 'HEAD' })
    t.equal(head.status, 200)
  }
  await registry.refuse()
  t.strictSame(await whole(node), ['team/app0', 'team/app5', 'team/app6', 'team/app7'])
})

t.test('what finds no room beside what is kept is passed on whole', async t => {
  const registry = await registryOf(t, many)
  const node = await startNode(registry, t.testdir(), {
    store: { quotaBytes: '5MiB', minFreeBytes: '1MiB' },
    keep: { patterns: ['*/team/*'] },
  })
  t.teardown(() => node.close())
  for (const [at, [name, image]] of Object.entries(many).entries()) {
    t.strictSame(await pull(node, name, image), [], `${name}, online`)
    await stored(node, Math.min(at + 1, 2)) // no more of them have room
  }
  t.ok((await used(node)) <= 5 * MiB)
  const ready = await fetch(`http://${node.addresses.health}/readyz`)
  t.equal(ready.status, 200)
  t.match(await ready.json(), { degraded: [{ reason: 'store_full' }] })
  await registry.refuse()
  t.strictSame(await whole(node), ['team/app0', 'team/app1'])
})

const fat = makeImage({
  platforms: ['linux/amd64'],
  salt: 'fat',
  layers: [3 * MiB, 3 * MiB, 3 * MiB, 3 * MiB],
})

t.test('a pull that no store of this size takes keeps nothing else out', async t => {
  const registry = await registryOf(t, { ...many, 'team/fat': fat })
  const store = { quotaBytes: '10MiB', minFreeBytes: '1MiB' }
  const node = await startNode(registry, t.testdir(), { store })
  t.teardown(() => node.close())
  t.strictSame(await pull(node, 'team/fat', fat), [], 'it is passed on whole')
  await storedBytes(node, 9 * MiB) // three of its four layers
  for (const [at, name] of ['team/app0', 'team/app1', 'team/app2', 'team/app3'].entries()) {
    t.strictSame(await pull(node, name, many[name] as TestImage), [])
    await storedBytes(node, (9 + 2 * (at + 1)) * MiB)
  }
  await registry.refuse()
  t.strictSame(await whole(node), ['team/app0', 'team/app1', 'team/app2', 'team/app3'])
})

t.test("an operator's question keeps nothing that is not whole", async t => {
  const part = makeImage({
    platforms: ['linux/amd64'],
    salt: 'part',
    layers: [7 * MiB, 1 * MiB],
  })
  const registry = await registryOf(t, { ...many, 'team/part': part })
  const dir = t.testdir()
  const store = { quotaBytes: '10MiB', minFreeBytes: '1MiB', completeTags: false }
  const node = await startNode(registry, dir, { store })
  t.teardown(() => node.close())
  for (const question of [
    `manifests/${part.digest}`,
    `manifests/${part.manifests[0]?.digest}`,
    `blobs/${part.manifests[0]?.layers[0]?.digest}`,
  ]) {
    const answer = await node.ask(`team/part/${question}`)
    await answer.arrayBuffer()
    t.equal(answer.status, 200, question)
  }
  const token = (await readFile(join(dir, 'data', 'admin.token'), 'utf8')).trim()
  const key = encodeURIComponent(`${registry.host}/team/part:latest`)
  const explained = await fetch(`http://${node.addresses.admin}/api/v1/tags/${key}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  t.match(await explained.json(), { resolution: { found: true, digest: part.digest } })
  await storedBytes(node, 7 * MiB)
  for (const [at, name] of ['team/app0', 'team/app1', 'team/app2'].entries()) {
    t.strictSame(await pull(node, name, many[name] as TestImage), [])
    await storedBytes(node, (7 + 2 * (at + 1)) * MiB)
  }
  await registry.refuse()
  t.strictSame(await whole(node), ['team/app0', 'team/app1', 'team/app2'])
})
