import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { pictureOf } from '../adapters/containerd-setup/picture.ts'
import { makeImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { type Containerd, pauseImage, startContainerd } from './support/containerd.ts'
import { type HoldfastNode, program } from './support/holdfast.ts'
import { type Machine, startMachine } from './support/machine.ts'
import { freePorts, succeeds, until } from './support/process.ts'
import {
  type ContainerdVersion,
  containerdVersions,
  requireSystem,
} from './support/requirements.ts'
import { registryName, startWorld, type World } from './support/world.ts'

requireSystem()

/** Nobody is kept waiting for longer, in ms: a pull of a held image, and one that finds nobody. */
const boundMs = 15_000
/** A registry that does not answer leaves its place within this time, in ms. */
const leavesWithinMs = 30_000
/** What hangs is waited for so long, in ms. */
const hangsMs = 3_000

const image = `${registryName}/app:latest`

/** A machine with a disk, whose containerd and Holdfast come and go. */
interface Scene {
  readonly version: ContainerdVersion
  readonly world: World
  readonly certsDir: string
  /** Of K3s; there is none at first. */
  readonly registriesFile: string
  machine: Machine
  client: Containerd
  node: HoldfastNode
  startNode(): Promise<void>
  /** Everything that only lives while the machine runs is new; Holdfast is not up yet. */
  boot(): Promise<void>
  holdfast(...args: string[]): Promise<string>
}

t.jobs = containerdVersions.length
for (const version of containerdVersions) {
  t.test(`containerd ${version}`, { buffered: true }, async t => {
    const scene = await build(t, version)
    const { world } = scene
    const before = pictureOf(scene.certsDir)
    await t.test('a registry behind the mirror holds up the start', t => hangs(t, scene))
    await scene.holdfast('install', '--fallback', 'auto')
    await t.test('while it answers, the registry stands behind', t => stands(t, scene))

    await scene.node.stop('SIGKILL')
    t.match(await visible(scene), `server = "${world.uplink.url}"`, 'when the power goes, too')
    world.uplink.freeze()
    await t.test('cold start after a power cut', t => coldStart(t, scene, 'SIGKILL'))
    world.uplink.heal()
    await t.test('what freezes meanwhile leaves its place', t => leaves(t, scene))
    world.uplink.heal()
    await t.test('what freezes while Holdfast is restarted', t => restarts(t, scene))
    world.uplink.heal()
    await behindIs(scene, 'upstream')
    t.equal(await scene.node.stop(), 0)
    t.match(await visible(scene), `server = "${world.uplink.url}"`, 'an orderly stop leaves it')
    world.uplink.freeze()
    await t.test('cold start after an orderly one', t => coldStart(t, scene, 'SIGTERM'))
    world.uplink.heal()

    await behindIs(scene, 'upstream')
    // Nothing in it is another version's.
    if (version === '2.1') await t.test('what K3s is to delete', t => isNamed(t, scene))
    await scene.holdfast('uninstall')
    t.equal(pictureOf(scene.certsDir), before, 'byte for byte as it was')
    t.notMatch(
      await scene.machine.run('cat', '/proc/self/mountinfo'),
      scene.certsDir,
      'nor a mount',
    )
  })
}

/** What `auto` is there to avoid; the fault does happen. */
async function hangs(t: Test, scene: Scene): Promise<void> {
  const { world, client, node, holdfast } = scene
  await holdfast('install', '--fallback', 'upstream')
  await until('the mirror has it', () => succeeds(client.pull(image, 30_000)))
  await client.remove(image)
  await node.stop()
  world.uplink.freeze()
  const { error, tookMs } = await pull(scene, hangsMs)
  // Deadlines count in whole milliseconds of another clock.
  t.ok(tookMs >= hangsMs - 100, `it hangs: ${tookMs} ms, ${error}`)
  world.uplink.heal()
  await scene.startNode()
}

async function stands(t: Test, scene: Scene): Promise<void> {
  const { world, certsDir } = scene
  t.match(await held(certsDir), `server = "${scene.node.mirror}"`, 'what is on the disk')
  await behindIs(scene, 'upstream')
  t.match(await visible(scene), `server = "${world.uplink.url}"`, 'what containerd reads')
  t.match(
    await held(certsDir),
    `server = "${scene.node.mirror}"`,
    'what is on the disk is the same',
  )
  await world.push('other', 'latest', { salt: 'other' })
  await scene.node.stop('SIGKILL')
  const other = `${registryName}/other:latest`
  t.ok(await scene.client.pull(other, 30_000), 'without Holdfast the registry is asked')
  await scene.client.remove(other)
  await scene.startNode()
  await behindIs(scene, 'upstream')
}

/** The registry is frozen, and Holdfast not up yet when the first pod starts. */
async function coldStart(t: Test, scene: Scene, end: NodeJS.Signals): Promise<void> {
  await scene.client.end(end)
  await scene.machine.end()
  await scene.boot()
  t.match(await visible(scene), `server = "${scene.node.mirror}"`, 'the mirror is alone')
  const early = await pull(scene, boundMs)
  t.match(early.error, /refused/, 'before Holdfast is up, nobody is asked')
  t.ok(early.tookMs < boundMs, `and the kubelet knows in ${early.tookMs} ms`)
  await scene.startNode()
  await pulls(t, scene, 'from memory')
  t.match(await statusOf(scene), { fallback: 'auto', behind: 'none' })
}

async function leaves(t: Test, scene: Scene): Promise<void> {
  await behindIs(scene, 'upstream')
  scene.world.uplink.freeze()
  await pulls(t, scene, 'the pull that finds out')
  const tookMs = await behindIs(scene, 'none', leavesWithinMs)
  t.pass(`${tookMs} ms later the mirror is alone`)
  await scene.node.stop()
  const { tookMs: withoutMs } = await pull(scene, boundMs)
  t.ok(withoutMs < boundMs, `while Holdfast is restarted nobody hangs: ${withoutMs} ms`)
  await scene.startNode()
  await pulls(t, scene, 'and once it is back')
}

async function restarts(t: Test, scene: Scene): Promise<void> {
  await behindIs(scene, 'upstream')
  await scene.node.stop()
  t.match(await visible(scene), `server = "${scene.world.uplink.url}"`, 'it stays')
  scene.world.uplink.freeze()
  await scene.startNode()
  await behindIs(scene, 'none', leavesWithinMs)
  await pulls(t, scene, 'with nothing confirmed')
}

/** K3s deletes the directory of a registry that it is told of, and does not start where it cannot. */
async function isNamed(t: Test, scene: Scene): Promise<void> {
  await writeFile(scene.registriesFile, `mirrors:\n  ${registryName}: {}\n`)
  const tookMs = await behindIs(scene, 'none', leavesWithinMs)
  await scene.machine.run('mv', hostsOf(scene.certsDir), `${hostsOf(scene.certsDir)}.gone`)
  await scene.machine.run('mv', `${hostsOf(scene.certsDir)}.gone`, hostsOf(scene.certsDir))
  t.pass(`can be deleted after ${tookMs} ms`)
  await rm(scene.registriesFile)
  await behindIs(scene, 'upstream')
}

/** A pull of what Holdfast holds, of which containerd has nothing. */
async function pulls(t: Test, scene: Scene, why: string): Promise<void> {
  const { error, tookMs } = await pull(scene, boundMs)
  t.equal(error, undefined, `${why}: ${tookMs} ms`)
  await scene.client.remove(image)
}

async function pull({ client }: Scene, timeoutMs: number) {
  const beganMs = performance.now()
  const error = await client.pull(image, timeoutMs).then(
    () => undefined,
    (error: Error) => error.message,
  )
  return { error, tookMs: Math.round(performance.now() - beganMs) }
}

/** Waits until containerd reads it so, and tells how long it took in ms. */
async function behindIs(scene: Scene, behind: string, withinMs = 90_000): Promise<number> {
  const beganMs = performance.now()
  const expected = `server = "${behind === 'none' ? scene.node.mirror : scene.world.uplink.url}"`
  const isSo = async () => (await visible(scene)).includes(expected)
  await until(`${behind} stands behind the mirror`, isSo, withinMs)
  return Math.round(performance.now() - beganMs)
}

async function statusOf({ holdfast }: Scene): Promise<unknown> {
  return JSON.parse(await holdfast('status', '-o', 'json')).items[0]
}

const hostsOf = (certsDir: string) => join(certsDir, registryName, 'hosts.toml')
const visible = ({ machine, certsDir }: Scene) => machine.run('cat', hostsOf(certsDir))
/** This process is outside of the machine, where nothing is mounted. */
const held = (certsDir: string) => readFile(hostsOf(certsDir), 'utf8')

async function build(t: Test, version: ContainerdVersion): Promise<Scene> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-auto-'))
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage({ salt: 'pause' }))
  const world = await startWorld()
  await world.push('app', 'latest', { salt: version })
  const ports = await freePorts(3)
  const place = join(dir, 'node')
  const registriesFile = join(dir, 'registries.yaml')
  const containerd = {
    registriesFile,
    configFile: join(place, 'config.toml'),
    socket: join(place, 'containerd.sock'),
  }
  const upstreams = { [registryName]: { url: world.uplink.url } }
  const config = join(dir, 'setup.yaml')
  const mirror = { listen: `127.0.0.1:${ports[0]}` }
  await writeFile(config, JSON.stringify({ upstreams, mirror, containerd }))
  const first = await startMachine()
  const scene: Scene = {
    version,
    world,
    certsDir: join(place, 'certs.d'),
    registriesFile,
    machine: first,
    client: await startContainerd(version, place, pause, first.within),
    node: await world.node({ config: { upstreams, containerd }, ports, through: first.within }),
    async startNode() {
      const through = scene.machine.within
      scene.node = await world.node({ config: { upstreams, containerd }, ports, through })
    },
    async boot() {
      await rm(join(place, 'state'), { recursive: true, force: true })
      scene.machine = await startMachine()
      scene.client = await startContainerd(version, place, pause, scene.machine.within)
    },
    holdfast(...args) {
      const words = [program, 'containerd', ...args, '--config', config]
      return scene.machine.run(process.execPath, ...words)
    },
  }
  t.teardown(async () => {
    await scene.client.stop()
    await world.close()
    await scene.machine.end()
    await rm(dir, { recursive: true, force: true })
  })
  await mkdir(join(scene.certsDir, registryName))
  await writeFile(hostsOf(scene.certsDir), '# mine\n[host."http://127.0.0.1:1"]\n')
  return scene
}
