import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { pull } from './support/client.ts'
import { pauseImage, startContainerd } from './support/containerd.ts'
import type { HoldfastNode } from './support/holdfast.ts'
import { type MeshNode, untilMet } from './support/mesh.ts'
import { askTag, at, setScene, untilAllSay } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'
import { registryName, startWorld } from './support/world.ts'

requireSystem()

/** How often a node is killed right after an acknowledgement. */
const kills = 50

const path = (repository: string, tag = 'latest') =>
  `/api/v1/pins/${encodeURIComponent(`${registryName}/${repository}:${tag}`)}`

interface Change {
  readonly standing: string
  readonly digest?: string
  readonly storedOn: { readonly nodes: number; readonly members: number }
}

const pin = (
  node: HoldfastNode,
  repository: string,
  body: object = {},
  { copies = 1, tag = 'latest' } = {},
) => node.ask<Change>(`${path(repository, tag)}?copies=${copies}`, { method: 'PUT', body })

const unpin = (node: MeshNode, repository: string, copies = 1) =>
  node.ask<Change>(`${path(repository)}?copies=${copies}`, { method: 'DELETE' })

t.test('containerd pulls what is pinned on every node, whatever the registry says', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-pins-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { world, places, startAll } = await setScene(t)
  const [p1, p2, p3] = await places('n1', 'n2', 'n3')
  if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
  const nodes = await startAll([p1], [p2], [p3])
  const [n1, n2, n3] = [at(nodes, 0), at(nodes, 1), at(nodes, 2)]
  const layers = { layers: [100_000] }
  const old = await world.push('app', 'latest', { ...layers, salt: 'old' })
  await pull(n1.mirror, registryName, 'app', 'latest')
  t.match(await pin(n1, 'app', { note: 'voyage' }, { copies: 3 }), {
    standing: 'in-force',
    digest: old.digest,
    storedOn: { nodes: 3, members: 3 },
  })
  const moved = await world.push('app', 'latest', { ...layers, salt: 'new' })

  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage({ ...layers, salt: 'pause' }))
  for (const [index, version] of containerdVersions.entries()) {
    const client = await startContainerd(version, join(dir, `c${version}`), pause)
    t.teardown(() => client.stop())
    const node = at(nodes, index)
    await client.mirror(registryName, node.mirror)
    t.ok(await client.pull(`${registryName}/app:latest`, 30_000), `containerd ${version}`)
    const listed = await client.ctr('-n', 'k8s.io', 'images', 'list')
    t.ok(listed.includes(old.digest), `${version} has what is pinned`)
    t.notOk(listed.includes(moved.digest))
    await client.stop()
  }

  t.match(await unpin(n2, 'app', 3), { standing: 'removed', storedOn: { nodes: 3 } })
  for (const node of nodes) {
    t.match(await askTag(node, 'app'), { digest: moved.digest, source: 'upstream' })
  }
  await pull(n1.mirror, registryName, 'app', 'latest')
  t.match(await pin(n3, 'app', { to: 'previous' }, { copies: 3 }), { digest: old.digest })
  await world.uplink.refuse()
  await untilAllSay(nodes, 'app', old.digest)
  for (const node of nodes) t.equal((await askTag(node, 'app')).source, 'pin')

  await t.rejects(pin(n1, 'app', { to: makeImage({ ...layers, salt: 'nobody' }).digest }), {
    message: /409.*no node holds/,
  })
  await n1.ask(`/api/v1/blocks/${old.digest}`, { method: 'PUT', body: { note: 'CVE' } })
  await until('no node answers with what is blocked', async () => {
    const told = await Promise.all(nodes.map(node => askTag(node, 'app')))
    return told.every(({ digest }) => digest === moved.digest)
  })
})

t.test('no pin that was acknowledged is lost by kill -9', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const tags = ['v0', 'v1', 'v2', 'v3']
  const images = tags.map(salt => makeImage({ layers: [1_000], salt }))
  for (const [i, tag] of tags.entries()) await world.origin.push('app', tag, at(images, i))
  let [acknowledged, cut] = [0, 0]

  async function killOften(name: string, times: number): Promise<void> {
    const dir = join(world.dir, name)
    let node = await world.node({ dir })
    for (const tag of tags) await pull(node.mirror, registryName, 'app', tag)
    for (let round = 0; round < times; round++) {
      const note = `round ${round}`
      const wanted = tags.map((tag, i) => ({ tag, to: at(images, (i + round) % 4).digest }))
      const pinned: typeof wanted = []
      // All at once: when the first is acknowledged and the process dies, others are being written.
      await Promise.allSettled(
        wanted.map(async one => {
          await pin(node, 'app', { to: one.to, note }, { tag: one.tag })
          pinned.push(one)
          await node.stop('SIGKILL')
        }),
      )
      acknowledged += pinned.length
      cut += wanted.length - pinned.length
      node = await world.node({ dir })
      for (const { tag, to } of pinned) {
        t.match(await node.ask(path('app', tag)), { standing: 'in-force', digest: to, note })
      }
    }
    await node.stop('SIGKILL')
  }

  // Two at a time: most of it is waiting for starts.
  await Promise.all(['one', 'two'].map(name => killOften(name, kills / 2)))
  t.ok(acknowledged >= kills && cut > 0)
  t.comment(`killed ${kills} times: ${acknowledged} pins acknowledged, ${cut} cut off`)
})

t.test('no pin that was acknowledged is lost on another node either', async t => {
  const { world, places, start } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const other = await start(p2)
  const images = [
    makeImage({ layers: [1_000], salt: 'a' }),
    makeImage({ layers: [1_000], salt: 'b' }),
  ]
  for (const [i, image] of images.entries()) await world.origin.push('app', `v${i}`, image)
  let node = await start(p1, { seeds: [p2] })
  for (const i of [0, 1]) await pull(node.mirror, registryName, 'app', `v${i}`)
  await pull(node.mirror, registryName, 'app', 'v0')
  for (let round = 0; round < 8; round++) {
    await untilMet([node, other])
    const to = at(images, round % 2).digest
    const { digest, storedOn } = await pin(
      node,
      'app',
      { to, note: `round ${round}` },
      { copies: 2 },
    )
    await node.stop('SIGKILL')
    t.equal(digest, to)
    t.equal(storedOn.nodes, 2)
    const there = await other.ask<Change & { note: string }>(path('app'))
    t.match(there, { digest: to, note: `round ${round}` }, 'there before it was acknowledged')
    node = await start(p1, { seeds: [p2] })
    t.match(await node.ask(path('app')), { digest: to, note: `round ${round}` })
  }
})
