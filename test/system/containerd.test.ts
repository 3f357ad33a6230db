import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type ImageOptions, makeImage } from '../support/image.ts'
import { busyboxFiles } from '../support/layer.ts'
import { writeArchive } from './support/archive.ts'
import { type Containerd, pauseImage, startContainerd } from './support/containerd.ts'
import type { HoldfastNode } from './support/holdfast.ts'
import { succeeds, until } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'
import { clientsWait, registryName, startWorld, type World } from './support/world.ts'

requireSystem()

const image = `${registryName}/app:latest`
/** As long as clients wait for the registry: a machine that stands still for a moment makes it not silent. */
const patience = clientsWait(3_000)
/** The deadline, CRI's own work, and a busy machine. */
const pullMs = 15_000
/** So long a pull hangs that finds no end by itself. */
const hangMs = 30_000

const busybox = busyboxFiles('/bin/busybox')

function runnable(salt: string): ImageOptions {
  return {
    platforms: ['linux/amd64', 'linux/arm64'],
    layers: [busybox, 200_000],
    config: { Cmd: ['/bin/sleep', '100000'], Env: ['PATH=/bin', `SALT=${salt}`] },
    salt,
  }
}

async function timed<T>(work: Promise<T>): Promise<{ value: T; tookMs: number }> {
  const beganMs = performance.now()
  const value = await work
  return { value, tookMs: performance.now() - beganMs }
}

t.jobs = containerdVersions.length
for (const version of containerdVersions) {
  t.test(`containerd ${version}`, { buffered: true }, async t => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-containerd-'))
    const pause = join(dir, 'pause.tar')
    await writeArchive(pause, pauseImage, makeImage(runnable('pause')))
    const world = await startWorld()
    const client = await startContainerd(version, join(dir, 'node'), pause)
    t.teardown(async () => {
      await client.stop()
      await world.close()
      await rm(dir, { recursive: true, force: true })
    })

    const held = await askForWhatIsHeld(t, world, client)
    await t.test('pulls latest fresh after it moved, last known when offline, and runs it', t =>
      pullsThroughAnOutage(t, world, client),
    )
    await t.test('starts what it holds and Holdfast does not', t =>
      startsWhatItHeld(t, world, client, held),
    )
  })
}

async function pullsThroughAnOutage(t: Test, world: World, client: Containerd): Promise<void> {
  const config = { ...world.config, ...patience }
  const node = await world.node({ config })
  await client.mirror(registryName, node.mirror)
  await world.push('app', 'latest', runnable('one'))
  const first = await client.pull(image, hangMs)

  const two = await world.push('app', 'latest', runnable('two'))
  const second = await client.pull(image, hangMs)
  t.not(second, first, 'online means fresh: the moved tag is another image')
  t.match(await client.runPod(image, ['/bin/echo', 'alive']), /alive/)
  // containerd held the base layer, so what it did not ask for is fetched behind its pull.
  await until('all of it is here', () => isComplete(node, two.digest))

  world.uplink.freeze()
  const held = await timed(client.pull(image, hangMs))
  t.equal(held.value, second)
  t.ok(held.tookMs < pullMs, `Always pull of a held image, upstream frozen: ${held.tookMs} ms`)

  await client.remove(image)
  const whole = await timed(client.pull(image, hangMs))
  t.equal(whole.value, second, 'every byte came out of the store')
  t.ok(whole.tookMs < pullMs, `whole pull, upstream frozen: ${whole.tookMs} ms`)
  t.match(await client.runPod(image, ['/bin/echo', 'offline']), /offline/)

  t.equal(await node.stop(), 0)
  const again = await world.node({ config })
  await client.mirror(registryName, again.mirror)
  await client.remove(image)
  const restarted = await timed(client.pull(image, hangMs))
  t.equal(restarted.value, second, 'a restart while offline forgets nothing')
  t.ok(restarted.tookMs < pullMs, `after the restart: ${restarted.tookMs} ms`)

  const missing = await timed(
    client.pull(`${registryName}/never:latest`, hangMs).then(
      () => 'pulled',
      (error: Error) => error.message,
    ),
  )
  t.match(missing.value, /not found/i, 'what nobody holds fails clearly')
  t.ok(missing.tookMs < pullMs, `and fast: ${missing.tookMs} ms`)

  world.uplink.heal()
  const three = await world.push('app', 'latest', runnable('three'))
  await until('fresh again', async () => (await client.pull(image, hangMs)) !== second)
  t.not(three.digest, two.digest)
  await again.stop()
}

function isComplete(node: HoldfastNode, digest: string): boolean {
  return node.output().includes(`@${digest}","msg":"image is complete"`)
}

const heldReference = `${registryName}/held:latest`
/** On the base of the other. */
const basedReference = `${registryName}/based:latest`

interface Held {
  readonly id: string
  readonly basedId: string
  readonly node: HoldfastNode
}

/**
 * containerd pulls straight from the registry; Holdfast comes later and hears one HEAD. Of a second image it is asked for what is not
 * in the first.
 */
async function askForWhatIsHeld(t: Test, world: World, client: Containerd): Promise<Held> {
  await world.push('held', 'latest', runnable('held'))
  await client.mirror(registryName, world.origin.url)
  const id = await client.pull(heldReference, hangMs)
  const store = { minFreeBytes: '1MiB', completeTags: false }
  const config = { ...world.config, ...patience, store }
  const node = await world.node({ dir: join(world.dir, 'late'), config })
  await client.mirror(registryName, node.mirror)
  world.uplink.clearLog()
  t.equal(await client.pull(heldReference, hangMs), id)
  t.equal(world.uplink.count('blob'), 0, 'containerd asked for no byte')
  await world.push('based', 'latest', runnable('based'))
  const basedId = await client.pull(basedReference, hangMs)
  t.equal(world.uplink.count('blob'), 2, 'its configuration and one of two layers')
  return { id, basedId, node }
}

async function startsWhatItHeld(
  t: Test,
  world: World,
  client: Containerd,
  { id, basedId, node }: Held,
): Promise<void> {
  await client.mirror(registryName, node.mirror)
  world.uplink.freeze()
  // Clients that did not ask for the manifest within 30 s hold it; Holdfast looks every few seconds.
  await until('the answer has settled', () => succeeds(client.pull(heldReference, hangMs)))
  const offline = await timed(client.pull(heldReference, hangMs))
  t.equal(offline.value, id)
  t.ok(offline.tookMs < pullMs, `${offline.tookMs} ms`)
  t.match(await client.runPod(heldReference, ['/bin/echo', 'still here']), /still here/)
  const based = await timed(client.pull(basedReference, hangMs))
  t.equal(based.value, basedId, 'as is one of which Holdfast was asked for a part')
  t.ok(based.tookMs < pullMs, `${based.tookMs} ms`)
}
