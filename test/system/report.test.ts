import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import { makeImage, makeSingleImage, type TestImage } from '../support/image.ts'
import { busyboxFiles } from '../support/layer.ts'
import { writeArchive } from './support/archive.ts'
import { ask, pull } from './support/client.ts'
import { type Containerd, pauseImage, startContainerd } from './support/containerd.ts'
import { nodeBinary, program } from './support/holdfast.ts'
import type { MeshNode, MeshPlace } from './support/mesh.ts'
import { askTag, at, setScene } from './support/mesh-scene.ts'
import { start, until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName, type World } from './support/world.ts'

requireSystem()

const busybox = busyboxFiles('/bin/busybox')
const runnable = (salt: string, files = [200_000]) => ({
  salt,
  layers: [busybox, ...files],
  config: { Cmd: ['/bin/sleep', '100000'], Env: ['PATH=/bin'] },
})

interface Scrubbed {
  readonly running: boolean
  readonly findings: readonly { readonly digest: string }[]
}

interface Item {
  readonly reference: string
  readonly verdict: string
  readonly standings: readonly { readonly node: string; readonly standing: string }[]
  readonly missing: readonly object[]
}

const refOf = (name: string) => `${registryName}/${name}:1`
const pinPath = (name: string) => `/api/v1/pins/${encodeURIComponent(refOf(name))}?copies=3`
/** How long a pin lasts that is to be over before the cable is pulled, ms. */
const pinnedForMs = 10_000

const scrubPath = '/api/v1/nodes/self/store/scrub'

/** Overwrites a part of a blob that every node has, and has them hash what they have. */
async function damage(
  nodes: readonly MeshNode[],
  places: readonly MeshPlace[],
  digest: Digest,
): Promise<void> {
  for (const [index, place] of places.entries()) {
    const file = await until('it is on the disk', () => openBlob(place, digest))
    await file.write('rotten', 1_000)
    await file.close()
    const node = at(nodes, index)
    // A blob that came a moment ago may not be in the list that a pass begins with.
    await until('a scrub has found it', async () => {
      const { running, findings } = await node.ask<Scrubbed>(scrubPath)
      if (findings.some(finding => finding.digest === digest)) return true
      if (!running) await node.ask(scrubPath, { method: 'POST' })
      return false
    })
  }
}

const openBlob = ({ dir }: MeshPlace, digest: Digest) =>
  open(join(dir, 'data', 'blobs', ...digest.split(':')), 'r+').catch(() => undefined)

/** Images that will not start, each for another reason. */
async function makeHoles(
  t: Test,
  {
    world,
    nodes,
    places,
  }: { world: World; nodes: readonly MeshNode[]; places: readonly MeshPlace[] },
  whole: TestImage,
): Promise<readonly string[]> {
  const [n1, n2] = [at(nodes, 0), at(nodes, 1)]
  const change = (path: string, body: object) => n1.ask<object>(path, { method: 'PUT', body })

  // All of it but a layer.
  const torn = await world.push('torn', '1', runnable('torn', [210_000]))
  await askTag(n1, 'torn', '1')
  const { digest: manifest, config, layers } = torn.for('linux/amd64')
  const parts = [`manifests/${manifest}`, `blobs/${config.digest}`, `blobs/${at(layers, 0).digest}`]
  for (const part of parts) {
    t.equal((await ask(`${n1.mirror}/v2/torn/${part}?ns=${registryName}`)).status, 200)
  }

  const rotten = await world.push('rotten', '1', runnable('rotten', [220_000]))
  await Promise.all(nodes.map(node => pull(node.mirror, registryName, 'rotten', '1')))
  await damage(nodes, places, at(rotten.for('linux/amd64').layers, 1).digest)

  const blocked = await world.push('blocked', '1', runnable('blocked', [230_000]))
  await Promise.all(nodes.map(node => pull(node.mirror, registryName, 'blocked', '1')))
  await change(`/api/v1/blocks/${blocked.digest}?copies=3`, { note: 'CVE' })

  // Pinned to what nobody holds, and can get no more of than its manifests.
  const nothing = await world.push('nothing', '1', runnable('nothing', [240_000]))
  const fault = world.uplink.fault(
    { do: 'status', status: 404 },
    { kind: 'blob', repository: 'nothing' },
  )
  const wish = { to: nothing.digest, allowIncomplete: true }
  t.match(await change(pinPath('nothing'), wish), { complete: false })
  await until('it was tried', () => fault.hits > 0)

  // Pinned to what all hold, and not for long; of what its registry names there is nothing but the manifest.
  await world.push('expired', '1', runnable('expired', [250_000]))
  await askTag(n1, 'expired', '1')
  const expiresAt = new Date(Date.now() + pinnedForMs).toISOString()
  await change(pinPath('expired'), { to: whole.digest, expiresAt, allowElsewhere: true })
  // Not as a client: what one was told and did not fetch, it holds, as the node sees it half a minute later, and is told again.
  const pinned = () => n2.ask<{ standing: string }>(pinPath('expired').split('?')[0] ?? '')
  t.match(await pinned(), { standing: 'in-force', digest: whole.digest })
  await until('the pin is over', async () => (await pinned()).standing === 'expired')
  return ['torn', 'rotten', 'blocked', 'nothing', 'expired']
}

/** A program for another machine, as far as the kernel looks: an ELF header that says AArch64. */
function foreignProgram(): Buffer {
  const header = Buffer.alloc(64)
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  header.writeUInt16LE(2, 16) // an executable
  header.writeUInt16LE(183, 18) // EM_AARCH64
  return header
}

/** An image that is in no index, for another machine than this one: all of it is here, and nothing of it starts. */
async function makeAlien({ world, nodes }: { world: World; nodes: readonly MeshNode[] }) {
  const files = [
    { name: 'bin/', type: 'directory' as const },
    { name: 'bin/echo', data: foreignProgram(), mode: 0o755 },
  ]
  const alien = makeSingleImage({ salt: 'alien', platform: 'linux/arm64', layers: [files] })
  await world.origin.push('alien', '1', { ...alien, manifests: [] })
  for (const node of nodes) await pull(node.mirror, registryName, 'alien', '1')
}

/** What becomes of a pod that wants this image. Rejects when it fails in a way that nobody thought of. */
async function fateOf(client: Containerd, image: string): Promise<string> {
  const pulled = await client.pull(image, 30_000).catch(() => undefined)
  if (pulled === undefined) return 'is not to be had'
  try {
    return /alive/.test(await client.runPod(image, ['/bin/echo', 'alive'])) ? 'runs' : 'is silent'
  } catch (error) {
    if (/exec format error/.test(String(error))) return 'is for another machine'
    throw error
  }
}

t.test(
  'what the report calls ready starts once the uplink is cut, and what it calls missing does not',
  async t => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-report-'))
    t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
    const { world, places, startAll } = await setScene(t)
    const store = { minFreeBytes: '1MiB', completeTags: false }
    const [p1, p2, p3] = await places('n1', 'n2', 'n3')
    if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
    const config = { store }
    const dirs = [p1.dir, p2.dir, p3.dir]
    const nodes = await startAll([p1, { config }], [p2, { config }], [p3, { config }])
    const pause = join(dir, 'pause.tar')
    await writeArchive(pause, pauseImage, makeImage(runnable('pause')))

    const whole = await world.push('whole', '1', runnable('whole'))
    for (const node of nodes.slice(0, 2)) await pull(node.mirror, registryName, 'whole', '1')
    // Who fetches a blob for another keeps it: of many no other node has all.
    await world.push('single', '1', runnable('single', Array(10).fill(2_000)))
    await pull(at(nodes, 0).mirror, registryName, 'single', '1')
    await world.push('moved', '1', runnable('before'))
    for (const node of nodes) await pull(node.mirror, registryName, 'moved', '1')
    await world.push('moved', '1', runnable('after', [300_000]))
    for (const node of nodes) await askTag(node, 'moved', '1')
    await world.push('bare', '1', runnable('bare', [400_000]))
    await askTag(at(nodes, 0), 'bare', '1')
    await world.push('elsewhere', '1', { ...runnable('arm'), platforms: ['linux/arm64'] })
    await askTag(at(nodes, 0), 'elsewhere', '1')
    await makeAlien({ world, nodes })
    const scene = { world, nodes, places: [p1, p2, p3] }
    const holes = await makeHoles(t, scene, whole)
    const names = ['whole', 'single', 'moved', 'bare', 'elsewhere', 'alien', 'unheard', ...holes]
    const refs = names.map(refOf)

    /** What `holdfast report` says on a node, and how it ends. */
    async function report(index: number, ...words: readonly string[]) {
      const { admin } = at(nodes, index)
      const tokenFile = join(dirs[index] ?? '', 'data', 'admin.token')
      const args = ['report', ...words, '--address', admin, '--token-file', tokenFile]
      const child = start(nodeBinary, [program, ...args, '-o', 'json'], {
        env: process.env,
        cwd: dir,
      })
      const code = await child.closed
      return { code, output: child.output() }
    }
    const told = async (index: number, ...words: readonly string[]) => {
      const { code, output } = await report(index, ...words)
      const { items } = JSON.parse(output) as { items: readonly Item[] }
      return { code, items, verdicts: items.map(({ verdict }) => verdict) }
    }

    const missing = holes.map(() => 'not-ready')
    const expected = [
      'ready',
      'at-risk',
      'at-risk',
      'not-ready',
      'not-ready',
      'not-ready',
      'not-ready',
      ...missing,
    ]
    await until('the ledger is the same everywhere', async () => {
      const { items } = await told(2, ...refs)
      return items
        .slice(0, 4)
        .every(({ standings }) => standings.every(s => s.standing !== 'unaware'))
    })
    for (const index of [0, 1, 2]) {
      const { code, verdicts } = await told(index, ...refs)
      t.equal(code, 7)
      t.strictSame(verdicts, expected, `as node ${index + 1} sees it`)
    }
    t.equal((await told(2, refOf('whole'))).code, 0)
    t.match(
      (await told(2)).items,
      [{ reference: refOf('nothing'), why: 'pin', verdict: 'not-ready' }],
      'and without being asked for it, what is pinned',
    )

    await world.uplink.refuse()
    t.strictSame((await told(2, ...refs)).verdicts, expected, 'and after the cut')
    const fates = new Map([
      ['whole', 'runs'],
      ['single', 'runs'],
      ['moved', 'runs'],
      ['bare', 'is not to be had'],
      ['elsewhere', 'is not to be had'],
      ['alien', 'is for another machine'],
      ['unheard', 'is not to be had'],
      ...holes.map(name => [name, 'is not to be had'] as const),
    ])
    for (const [index, version] of [
      [1, '1.7'],
      [2, '2.1'],
    ] as const) {
      const client: Containerd = await startContainerd(version, join(dir, `c${version}`), pause)
      t.teardown(() => client.stop())
      await client.mirror(registryName, at(nodes, index).mirror)
      for (const [name, fate] of fates) {
        t.equal(await fateOf(client, refOf(name)), fate, `${name} on node ${index + 1}`)
      }
      await client.stop()
    }
    t.strictSame(
      (await told(0, ...refs)).verdicts.slice(0, 2),
      ['ready', 'ready'],
      'pulls are copies',
    )
  },
)

t.test('a node that is switched off is named and not judged', async t => {
  const { world, places, startAll } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const config = { keep: { patterns: [`${registryName}/**`] } }
  const nodes = await startAll([p1, { config }], [p2, { config }])
  await world.push('app', '1', runnable('app'))
  for (const node of nodes) await pull(node.mirror, registryName, 'app', '1')
  const [first, second] = [at(nodes, 0), at(nodes, 1)]
  type Told = { verdict: string; nodes: { name: string; heard: boolean }[] }
  await until('both hold it', async () => {
    const { verdict } = await first.ask<Told>('/api/v1/report')
    return verdict === 'ready'
  })
  await second.stop('SIGKILL')
  const beganMs = performance.now()
  const { verdict, nodes: seen } = await first.ask<Told>('/api/v1/report')
  t.ok(performance.now() - beganMs < 15_000, 'it is not waited for for long')
  t.equal(verdict, 'at-risk')
  t.match(seen, [
    { name: 'n1', heard: true },
    { name: 'n2', heard: false },
  ])
})

t.test('one command makes what is not ready ready, and the cable may go', async t => {
  const { world, places, startAll } = await setScene(t)
  const [p1, p2, p3] = await places('n1', 'n2', 'n3')
  if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
  const config = { store: { minFreeBytes: '1MiB', completeTags: false } }
  const nodes = await startAll([p1, { config }], [p2, { config }], [p3, { config }])
  /** A command on the first node, and how it ends. */
  async function holdfast(...words: readonly string[]) {
    const tokenFile = join(p1?.dir ?? '', 'data', 'admin.token')
    const where = ['--address', at(nodes, 0).admin, '--token-file', tokenFile]
    const child = start(nodeBinary, [program, ...words, ...where], { env: process.env, cwd: '/' })
    return { code: await child.closed, output: child.output() }
  }
  for (const name of ['kept', 'named', 'thin']) await world.push(name, '1', runnable(name))
  await holdfast('keep', refOf('kept'))
  await pull(at(nodes, 1).mirror, registryName, 'thin', '1')
  await until('all know of it', async () => {
    const { output } = await holdfast('report', refOf('thin'), '-o', 'json')
    const [item] = (JSON.parse(output) as { items: readonly Item[] }).items
    return item?.standings.every(({ standing }) => standing !== 'unaware')
  })

  const before = await holdfast('report')
  t.match(before, { code: 7, output: /kept:1 +not ready .* nothing is known of this tag/ })
  t.match(
    before.output,
    /registry\.lab answers n1, n\d and n\d\n`holdfast report .*--mend` fetches it: 1 image/,
  )
  t.match(await holdfast('report', '--mend'), {
    code: 0,
    output: /Ready: the image would start on all 3 nodes without any registry\.\n/,
  })
  const named = [refOf('named'), refOf('thin')]
  t.equal((await holdfast('report', ...named)).code, 7)
  t.equal((await holdfast('report', ...named, '--mend')).code, 0)

  await world.uplink.refuse()
  t.equal((await holdfast('report', refOf('kept'), ...named)).code, 0)
  for (const node of nodes) {
    for (const name of ['kept', 'named', 'thin']) {
      t.equal((await pull(node.mirror, registryName, name, '1')).status, 200, name)
    }
  }
})
