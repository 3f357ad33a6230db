import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import { makeImage, type TestImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { pull } from './support/client.ts'
import { nodeBinary, program } from './support/holdfast.ts'
import { type MeshNode, type MeshPlace, untilEqual, untilMet } from './support/mesh.ts'
import { askTag, at, setScene } from './support/mesh-scene.ts'
import { start as startProgram, until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName, type World } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']
const ofBytes = (salt: string, bytes: number) => ({ platforms, layers: [bytes], salt })

/** What of an image lies in the store of a node, by its own files: whoever is asked may have it from another. */
async function held({ dir }: MeshPlace, image: TestImage): Promise<readonly Digest[]> {
  const looks = [...image.blobs.keys()].map(async digest => {
    const found = access(join(dir, 'data', 'blobs', ...digest.split(':')))
    return found.then(
      () => [digest],
      () => [],
    )
  })
  return (await Promise.all(looks)).flat()
}

const pullFrom = (node: MeshNode, repository: string) =>
  pull(node.mirror, registryName, repository, 'latest')

/** Pushes images of so many bytes, by the names of their repositories. */
async function pushAll(world: World, names: readonly string[], bytes: number) {
  const pushed = new Map<string, TestImage>()
  for (const name of names) pushed.set(name, await world.push(name, 'latest', ofBytes(name, bytes)))
  return pushed
}

/** Settings of a node whose store takes so much, in a mesh that holds everything once. */
const room = (quotaBytes: number, patterns: readonly string[] = []) => ({
  config: { keep: { copies: 1, patterns }, store: { quotaBytes, minFreeBytes: '1MiB' } },
})
const keptPattern = `${registryName}/kept/*`

interface Status {
  readonly ready: boolean
  readonly degraded: readonly { readonly reason: string }[]
}

t.test('two full nodes that collect at once lose nothing that is kept', async t => {
  const { world, places, start, startAll } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const both = [p1, p2]
  const options = room(10_000_000, [keptPattern])
  const before = await startAll([p1, options], [p2, options])
  const names = Array.from({ length: 16 }, (_, i) => `kept/${i}`)
  const kept = await pushAll(world, names, 500_000)
  for (const name of names) await Promise.all(before.map(node => pullFrom(node, name)))
  await untilEqual(before)
  /** How many of the images a node does not hold all of. */
  async function lacking(place: MeshPlace): Promise<number> {
    const found = await Promise.all([...kept.values()].map(image => held(place, image)))
    return found.filter((digests, i) => digests.length < at([...kept.values()], i).blobs.size)
      .length
  }
  const lackingOn = () => Promise.all(both.map(lacking))
  // Clients have what is not yet on the disk.
  await until('both have all of it', async () => (await lackingOn()).every(count => count === 0))
  // What a client was given a moment ago stays for it: that is forgotten over a restart.
  for (const node of before) await node.stop()
  const nodes = await Promise.all([start(p1, options), start(p2, { ...options, seeds: [p1] })])
  await untilMet(nodes)

  await pushAll(world, ['new/1', 'new/2'], 3_000_000)
  const [left1 = 0, left2 = 0] = await until('one of them has made room', async () => {
    const pulls = await Promise.all(nodes.map((node, i) => pullFrom(node, `new/${i + 1}`)))
    t.strictSame(
      pulls.map(({ status }) => status),
      [200, 200],
    )
    const left = await lackingOn()
    return left.some(count => count > 0) && left
  })
  await world.uplink.refuse()
  t.comment(`n1 left ${left1} of ${names.length} images to n2, and n2 left ${left2} to n1`)
  for (const [name, image] of kept) {
    const holders = await Promise.all(both.map(place => held(place, image)))
    t.equal(new Set(holders.flat()).size, image.blobs.size, `${name} is held by somebody`)
    for (const node of nodes) t.equal((await pullFrom(node, name)).status, 200)
  }
})

/** Imports an archive as people do; resolves with the exit code and what was said. */
async function importInto(t: Test, node: MeshNode, place: MeshPlace, image: TestImage) {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-room-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const file = join(dir, 'more.tar')
  await writeArchive(file, `${registryName}/more:latest`, image)
  const tokenFile = join(place.dir, 'data', 'admin.token')
  const words = ['import', file, '--address', node.admin, '--token-file', tokenFile]
  const child = startProgram(nodeBinary, [program, ...words], { env: process.env, cwd: dir })
  return { code: await child.closed, output: child.output() }
}

t.test('a full node that is offline takes in no more, drops nothing and serves', async t => {
  const { world, places, start } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const options = room(10_000_000, [keptPattern])
  const first = await start(p1, options)
  const names = Array.from({ length: 8 }, (_, i) => `kept/${i}`)
  const kept = await pushAll(world, names, 1_000_000)
  await pushAll(world, ['big'], 5_000_000)
  for (const name of names) await pullFrom(first, name)
  await first.stop()
  // The other one would be the owner of some of it, and has none: these are the last copies.
  const n2 = await start(p2, room(100_000_000))
  await pullFrom(n2, 'big')
  const n1 = await start(p1, { ...options, seeds: [p2] })
  await untilMet([n1, n2])
  await world.uplink.refuse()

  await until('it knows who has it', async () => (await askTag(n1, 'big')).status === 200)
  for (let round = 0; round < 3; round++) {
    t.equal((await pullFrom(n1, 'big')).status, 200, 'what it cannot keep it passes on')
  }
  t.match(await n1.ask('/api/v1/nodes/self/store'), { full: true })
  const { ready, degraded } = await n1.ask<Status>('/api/v1/status')
  t.ok(ready && degraded.some(({ reason }) => reason === 'store_full'))
  const imported = await importInto(t, n1, p1, makeImage(ofBytes('more', 5_000_000)))
  t.equal(imported.code, 6)
  t.match(imported.output, /no room for \d+ bytes/, 'and says so')
  const collected = await n1.ask('/api/v1/nodes/self/store/gc', { method: 'POST', body: {} })
  t.match(collected, { dropped: 0 })

  await n2.stop('SIGKILL')
  for (const [name, image] of kept) {
    t.equal((await held(p1, image)).length, image.blobs.size, `${name} is all there`)
    t.equal((await pullFrom(n1, name)).status, 200)
  }
})
