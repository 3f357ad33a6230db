import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import type { BlobReader } from '../../src/ports/content-store.ts'
import type { TestBlob } from '../support/blob.ts'
import type { TestImage } from '../support/image.ts'
import { ask, pull } from './support/client.ts'
import { joinFalsely } from './support/false-member.ts'
import type { MeshNode } from './support/mesh.ts'
import { askTag, at, namesOf, type Scene, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { blobUrl, transfer } from './support/transfer.ts'
import { registryName, withoutUplink } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']
const layerBytes = 4_000_000
const stallMs = 2_000
/** What a busy machine may add. */
const slackMs = 15_000

const never = new Promise<never>(() => {})

/** What a liar sends in place of these bytes. */
type Lie = (bytes: Buffer) => Omit<BlobReader, 'close'>

const lies = {
  'wrong bytes': ({ length }) => ({ size: length, read: async into => copy(noise, into, 0) }),
  'half of it': bytes => ({
    size: bytes.length,
    read: async (into, position) => copy(halfOf(bytes), into, position),
  }),
  'half of it and then nothing': bytes => ({
    size: bytes.length,
    read: async (into, position) => copy(halfOf(bytes), into, position) || never,
  }),
  'bytes without end': bytes => ({
    size: 2 ** 40,
    read: async (into, position) => copy(bytes, into, position) || copy(noise, into, 0),
  }),
} as const satisfies Record<string, Lie>

const noise = randomBytes(1024 * 1024)
const halfOf = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length / 2)

/** How many bytes from `position` on went there; 0 at the end. */
const copy = (bytes: Buffer, into: Uint8Array, position: number): number =>
  position < bytes.length ? bytes.copy(into, 0, position) : 0

/** A node that holds what a registry has, one that knows no registry, and a liar, who is nearer to that one. */
async function setLiar(t: Test, lie: Lie) {
  const scene = await setScene(t)
  const [p1, p2] = await scene.places('honest', 'victim')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const zone = (name: string, zone: string) => ({ node: { name, zone } })
  const nodes = await scene.startAll(
    [p1, { config: zone('honest', 'far') }],
    [p2, { peer: { stallMs }, config: { ...zone('victim', 'near'), ...withoutUplink() } }],
  )
  const asked: Digest[] = []
  const held = new Map<Digest, Buffer>()
  const liar = await joinFalsely(t, scene.mesh, p2, {
    name: 'liar',
    zone: 'near',
    async openBlob({ digest }) {
      asked.push(digest)
      return { ...lie(held.get(digest) ?? Buffer.alloc(0)), close: async () => {} }
    },
  })
  for (const node of nodes) {
    await until(`${node.name} knows the liar`, async () =>
      (await namesOf(node, 'alive')).includes('liar'),
    )
  }
  const boast = ({ digest, bytes }: TestBlob) => {
    held.set(digest, bytes)
    return liar.hold(digest)
  }
  return { scene, asked, boast, honest: at(nodes, 0), victim: at(nodes, 1) }
}

/** An image that the honest node has, and of which the other one knows all but the layer. */
async function introduce(
  scene: Scene,
  repository: string,
  honest: MeshNode,
  victim: MeshNode,
  boast: (layer: TestBlob) => Promise<void> = async () => {},
) {
  const options = { platforms, layers: [layerBytes], salt: repository }
  const image: TestImage = await scene.world.push(repository, 'latest', options)
  const manifest = image.for('linux/amd64')
  const layer = at(manifest.layers, 0)
  await pull(honest.mirror, registryName, repository, 'latest')
  await boast(layer)
  await until('the other one knows it', async () => {
    const told = await askTag(victim, repository)
    return told.digest === image.digest
  })
  for (const { digest } of [image, manifest]) {
    const url = `${victim.mirror}/v2/${repository}/manifests/${digest}?ns=${registryName}`
    await ask(url)
  }
  return layer
}

for (const [what, lie] of Object.entries(lies)) {
  t.test(`a member sends ${what}: nobody takes it, and who has the blob is asked`, async t => {
    const { scene, asked, boast, honest, victim } = await setLiar(t, lie)
    const layer = await introduce(scene, 'app', honest, victim, boast)
    // Wrong bytes show at the end alone, and then a client is cut off before it; as containerd does, it asks once more.
    const hasToRepeat = what === 'wrong bytes'
    const pullOnce = () => pull(victim.mirror, registryName, 'app', 'latest')
    if (hasToRepeat) await t.rejects(pullOnce(), { code: 'ECONNRESET' })
    t.equal((await pullOnce()).status, 200, 'every byte is right')
    t.ok(asked.includes(layer.digest), 'although the liar was asked first')

    // Of this one it was told who has it, who then dies, before the liar says that it has it, too.
    const other = await introduce(scene, 'alone', honest, victim)
    await boast(other)
    await honest.stop('SIGKILL')
    const beganMs = performance.now()
    const { seen, ended } = transfer(blobUrl(victim, 'alone', other.digest))
    const end = await ended
    const tookMs = performance.now() - beganMs
    t.ok(asked.includes(other.digest), 'the liar alone was asked')
    t.not(end, 'whole', `${seen.bytes} bytes came, and then: ${end}`)
    t.ok(seen.bytes < other.size, 'a client never has all of it')
    t.ok(tookMs < 2 * stallMs + slackMs, `told after ${Math.round(tookMs)} ms`)
    t.equal((await askTag(victim, 'app')).status, 200, 'and what it holds it serves')
    if (!hasToRepeat) return
    const times = asked.length
    t.equal((await ask(blobUrl(victim, 'alone', other.digest))).status, 404)
    t.equal(asked.length, times, 'who lied is not asked for it again')
  })
}
