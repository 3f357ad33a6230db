import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { digestHex, digestOf } from '../../src/oci/digest.ts'
import { makeSingleImage, type TestManifest } from '../support/image.ts'
import { forkPlainly } from '../support/plainly.ts'
import { startRegistry } from '../support/registry.ts'
import { startNode } from '../support/start-node.ts'

const older = makeSingleImage({ layers: [3_000, 1_500_000], salt: 'older' })
const newer = makeSingleImage({ layers: [3_000, 1_500_000], salt: 'newer' })

type Ask = (path: string, init?: RequestInit) => Promise<Response>

/** Pulls the whole image as containerd does; its digest. */
async function pull(t: Test, ask: Ask, { digest, config, layers }: TestManifest) {
  const head = await ask('lab/app/manifests/latest', { method: 'HEAD' })
  const parts = [`manifests/${digest}`, ...[config, ...layers].map(part => `blobs/${part.digest}`)]
  for (const part of parts) {
    const answer = await ask(`lab/app/${part}`)
    t.equal(digestOf(Buffer.from(await answer.arrayBuffer())), part.split('/')[1], part)
  }
  return head.headers.get('docker-content-digest')
}

t.test(
  'kill -9 right after a client had all of an image: offline it is still that image',
  async t => {
    const dir = t.testdir()
    const tags = new Map([['latest', older]])
    const blobs = new Map([...older.blobs, ...newer.blobs])
    const registry = await startRegistry({ images: { 'lab/app': { blobs, tags } } })
    t.teardown(() => registry.close())

    const first = await startNode(registry, dir)
    t.equal(await pull(t, first.ask, older), older.digest)
    await first.close()

    registry.moveTag('lab/app', 'latest', newer)
    const upstreams = JSON.stringify({ [registry.host]: { url: registry.url } })
    const child = forkPlainly(join(import.meta.dirname, 'busy-disk-child.ts'), [dir, upstreams])
    t.teardown(() => child.kill('SIGKILL'))
    const [mirror] = await once(child, 'message')
    const ask: Ask = (path, init) => fetch(`http://${mirror}/v2/${path}?ns=${registry.host}`, init)
    t.equal(await pull(t, ask, newer), newer.digest)
    child.kill('SIGKILL')
    t.strictSame(await once(child, 'exit'), [null, 'SIGKILL'])
    const held = await readdir(join(dir, 'data', 'blobs', 'sha256'))
    const parts = [newer, newer.config, ...newer.layers].map(({ digest }) => digestHex(digest))
    t.strictSame(
      held.filter(name => parts.includes(name)),
      [],
      'nothing of it was durable',
    )

    await registry.refuse()
    const next = await startNode(registry, dir)
    t.teardown(() => next.close())
    t.equal(await pull(t, next.ask, newer), newer.digest)
  },
)
