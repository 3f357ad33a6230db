import { createHash } from 'node:crypto'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { type FakeContainerd, startFakeContainerd } from '../adapters/containerd/fake-containerd.ts'
import { eventually, folderOf } from '../adapters/containerd/support.ts'
import { makeImage, type TestImage } from '../support/image.ts'
import { startRegistry } from '../support/registry.ts'
import { startNode } from '../support/start-node.ts'

type Node = Awaited<ReturnType<typeof startNode>>

const image = makeImage({ platforms: ['linux/amd64'], layers: [1_500_000, 300], salt: 'theirs' })

/** A containerd that holds the image, and a node beside it whose registry is dead. */
async function open(t: Test, { held = image, asFiles = true, keep = {} } = {}) {
  const dir = await folderOf(t) // the path of a socket is short
  const socket = join(dir, 'c.sock')
  const contentDir = join(dir, 'content')
  const fake = await startFakeContainerd({ socket, ...(asFiles && { contentDir }) })
  t.teardown(() => fake.stop())
  await fill(fake, held)
  const registry = await startRegistry()
  await registry.refuse()
  t.teardown(() => registry.close())
  fake.addImage(`${registry.host}/theirs:latest`, held)
  const start = async () => {
    const node = await startNode(registry, dir, {
      store: { minFreeBytes: '1MiB', kind: 'both' },
      containerd: { socket },
      keep,
    })
    t.teardown(() => node.close())
    return node
  }
  return { fake, node: await start(), start, registry, contentDir, dir }
}

async function fill(fake: FakeContainerd, { blobs }: TestImage): Promise<void> {
  for (const [digest, bytes] of blobs) await fake.put(digest, bytes)
}

const head = async ({ ask }: Node) =>
  (await ask('theirs/manifests/latest', { method: 'HEAD' })).status

async function untilHead(node: Node, status: number): Promise<void> {
  const endMs = performance.now() + 20_000
  while ((await head(node)) !== status) {
    if (performance.now() > endMs) throw new Error(`never ${status}`)
  }
}

async function untilReady(node: Node): Promise<void> {
  const connected = /^holdfast_containerd_state\{state="connected"\} 1$/m
  const endMs = performance.now() + 20_000
  while (!connected.test(await (await health(node, '/metrics')).text())) {
    if (performance.now() > endMs) throw new Error('containerd is never connected')
  }
}

const health = ({ addresses }: Node, path: string) => fetch(`http://${addresses.health}${path}`)

for (const asFiles of [true, false]) {
  t.test(
    `what containerd holds is served (${asFiles ? 'from its directory' : 'over gRPC'})`,
    async t => {
      const { node } = await open(t, { asFiles })
      await untilHead(node, 200)
      const answer = await node.ask('theirs/manifests/latest')
      t.equal(answer.headers.get('content-type'), image.mediaType)
      t.equal(answer.headers.get('docker-content-digest'), image.digest)
      for (const [digest, bytes] of image.blobs) {
        const isManifest = digest === image.digest || image.manifests.some(m => m.digest === digest)
        const got = await node.ask(`theirs/${isManifest ? 'manifests' : 'blobs'}/${digest}`)
        t.equal(got.status, 200)
        t.equal(sha256(Buffer.from(await got.arrayBuffer())), sha256(bytes))
      }
      const metrics = await (await health(node, '/metrics')).text()
      t.match(metrics, /^holdfast_containerd_state\{state="connected"\} 1$/m)
      t.match(metrics, new RegExp(`^holdfast_containerd_blobs ${image.blobs.size}$`, 'm'))
      t.match(metrics, /^holdfast_blobs 0$/m, 'and not stored again')
    },
  )
}

t.test('what is to be kept is protected in containerd', async t => {
  const { fake, registry } = await open(t, { keep: { patterns: ['*/theirs:latest'] } })
  const isPinned = () =>
    fake.labels(`${registry.host}/theirs:latest`)?.['io.cri-containerd.pinned'] === 'pinned'
  await eventually('it is labelled', isPinned)
  await eventually('and leased', () => fake.leased()?.includes(image.digest) === true)
})

t.test('a tag goes when its content goes', async t => {
  const { fake, node, registry } = await open(t)
  await untilHead(node, 200)
  fake.removeImage(`${registry.host}/theirs:latest`)
  for (const digest of image.blobs.keys()) await fake.delete(digest)
  await untilHead(node, 404)
})

t.test('what went from containerd while the node was down leaves no line behind', async t => {
  const { fake, node, start, registry, dir } = await open(t)
  await untilHead(node, 200)
  await node.close()
  const lines = () => {
    const db = new Database(join(dir, 'data', 'ledger.db'), { readonly: true })
    const tables = ['manifest', 'content_sighting'] as const
    const counts = tables.map(name => db.prepare(`SELECT count(*) AS n FROM ${name}`).get())
    db.close()
    return counts.map(count => (count as { n: number }).n)
  }
  for (const count of lines()) t.ok(count > 0)
  fake.removeImage(`${registry.host}/theirs:latest`)
  for (const digest of image.blobs.keys()) await fake.delete(digest)
  const next = await start()
  await untilReady(next)
  await next.close()
  t.strictSame(lines(), [0, 0])
})

t.test('an image without its layers is no image', async t => {
  const { fake, node } = await open(t)
  await untilHead(node, 200)
  const layer = image.manifests[0]?.layers[0]?.digest
  if (layer === undefined) throw new Error('no layer')
  await fake.delete(layer)
  await untilHead(node, 404)
})

t.test('damaged content is found out before it is served, and the tag with it', async t => {
  const { fake, node } = await open(t)
  await untilHead(node, 200)
  const layer = image.manifests[0]?.layers[0]?.digest
  if (layer === undefined) throw new Error('no layer')
  await fake.damage(layer)
  const answer = await node.ask(`theirs/blobs/${layer}`)
  t.not(answer.status, 200)
  t.equal(await head(node), 404)
})

t.test('a containerd that is away degrades the node, and nothing else', async t => {
  const { fake, node } = await open(t)
  await untilHead(node, 200)
  await fake.stop()
  const endMs = performance.now() + 20_000
  for (let told = ''; !/c\.sock is absent .*is it running/.test(told); ) {
    const answer = await health(node, '/readyz')
    t.equal(answer.status, 200)
    told = await answer.text()
    if (performance.now() > endMs) throw new Error(`told ${told}`)
  }
  t.equal(await head(node), 200, 'its files are still there')
})

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
