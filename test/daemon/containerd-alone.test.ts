import { access, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { startFakeContainerd } from '../adapters/containerd/fake-containerd.ts'
import { eventually, folderOf } from '../adapters/containerd/support.ts'
import { fullName, layoutOf } from '../archive/support.ts'
import { cli } from '../cli/support.ts'
import { makeImage } from '../support/image.ts'
import { startRegistry } from '../support/registry.ts'
import { startNode } from '../support/start-node.ts'
import { tar } from '../support/tar.ts'

const image = makeImage({ platforms: ['linux/amd64'], layers: [9_500_000, 300], salt: 'app' })

/** A registry with the image, a containerd that holds nothing, and a node that keeps nothing. */
async function open(t: Test, written: Readonly<Record<string, unknown>> = {}) {
  const dir = await folderOf(t) // the path of a socket is short
  const socket = join(dir, 'c.sock')
  const fake = await startFakeContainerd({ socket, contentDir: join(dir, 'content') })
  t.teardown(() => fake.stop())
  const tags = new Map([['latest', image]])
  const registry = await startRegistry({ images: { app: { blobs: image.blobs, tags } } })
  t.teardown(() => registry.close())
  const node = await startNode(registry, dir, {
    store: { kind: 'containerd' },
    containerd: { socket },
    ...written,
  })
  t.teardown(() => node.close())
  const health = async (path: string) =>
    (await fetch(`http://${node.addresses.health}${path}`)).text()
  return {
    dir,
    fake,
    registry,
    node,
    health,
    name: `${registry.host}/app:latest`,
    head: async () => {
      const { status, headers } = await node.ask('app/manifests/latest', { method: 'HEAD' })
      return [status, headers.get('holdfast-source')]
    },
    /** What containerd asks for, in its order; the digests of the bytes that came. */
    async pull() {
      await node.ask('app/manifests/latest', { method: 'HEAD' })
      const own = image.for('linux/amd64')
      const got: string[] = []
      for (const [kind, digest] of [
        ['manifests', image.digest],
        ['manifests', own.digest],
        ...[own.config, ...own.layers].map(blob => ['blobs', blob.digest] as const),
      ] as const) {
        const answer = await node.ask(`app/${kind}/${digest}`)
        got.push(digestOf(Buffer.from(await answer.arrayBuffer())))
      }
      return got
    },
    async storeInContainerd() {
      for (const [digest, bytes] of image.blobs) await fake.put(digest, bytes)
      fake.addImage(`${registry.host}/app:latest`, image)
    },
  }
}

t.test('what is pulled passes on whole and is kept nowhere', async t => {
  const { dir, registry, pull, head, health } = await open(t)
  t.strictSame(await pull(), [...image.blobs.keys()].sort(byPull))
  t.equal(registry.count('manifest-digest', 'GET') + registry.count('manifest-tag', 'GET'), 2)
  t.equal(registry.count('blob', 'GET'), 3)
  await t.rejects(
    access(join(dir, 'data', 'blobs')),
    { code: 'ENOENT' },
    'nothing lies on the disk',
  )
  const metrics = await health('/metrics')
  t.match(metrics, /^holdfast_blobs 0$/m)
  t.match(metrics, /^holdfast_store_partial_bytes 0$/m)
  t.notMatch(await health('/readyz'), 'store_full', 'that is nothing to complain of')
  await registry.refuse()
  t.strictSame(await head(), [404, null], 'nobody holds it')
})

/** In the order of a pull: the index, the image, its parts. */
const order = (digest: string): number => {
  const own = image.for('linux/amd64')
  return [image, own, own.config, ...own.layers].findIndex(each => each.digest === digest)
}
const byPull = (a: string, b: string) => order(a) - order(b)

t.test('a tag is answered offline with what containerd holds, no sooner and no longer', async t => {
  const { fake, registry, pull, head, storeInContainerd, name } = await open(t)
  await pull()
  await storeInContainerd()
  await registry.refuse()
  await until(async () => (await head())[0] === 200)
  t.strictSame(await head(), [200, 'ledger'])
  registry.clearLog()
  t.equal((await pull()).length, 5, 'all of it, out of containerd')
  const [layer] = image.for('linux/amd64').layers
  if (layer === undefined) throw new Error('no layer')
  await fake.delete(layer.digest)
  fake.addImage(`${name}-again`, image) // its collection tells nothing, the next event does
  await until(async () => (await head())[0] === 404)
})

t.test('what is to be kept is protected in containerd', async t => {
  const { fake, name, pull, storeInContainerd } = await open(t, { keep: { patterns: ['*/app:*'] } })
  await pull()
  await storeInContainerd()
  await eventually(
    'it is labelled',
    () => fake.labels(name)?.['io.cri-containerd.pinned'] === 'pinned',
  )
  await eventually('and leased', () => fake.leased()?.includes(image.digest) === true)
})

t.test('an import is refused, and told where it can be done', async t => {
  const { dir, node } = await open(t)
  const file = join(dir, 'app.tar')
  await writeFile(file, tar(layoutOf([{ image, annotations: fullName('reg.lab/app:v1') }])))
  const ran = await cli(['import', file, '--config', join(dir, 'holdfast.yaml')], {
    env: { HOLDFAST_ADDRESS: node.addresses.admin },
  })
  t.not(ran.code, 0)
  t.match(ran.err, /keeps no content of its own.*set store.kind to both/)
})

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 20_000
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error('it did not come true')
  }
}
