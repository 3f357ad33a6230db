import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { ask, pull } from './support/client.ts'
import { type MeshNode, untilEqual, untilMet } from './support/mesh.ts'
import { askTag, at, namesOf, setScene } from './support/mesh-scene.ts'
import { run, until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { blobUrl, transfer } from './support/transfer.ts'
import { registryName, withoutUplink } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']
const pullFrom = (node: MeshNode, repository: string) =>
  pull(node.mirror, registryName, repository, 'latest')

t.test('who no longer has a blob, or is no longer there, hides nobody who has it', async t => {
  const { world, places, startAll, mesh } = await setScene(t)
  const all = await places('keeps', 'lost', 'dies', 'stops', 'asks', 'asks-too')
  const config = withoutUplink()
  const nodes = await startAll(
    ...all.map(
      (place, index): Parameters<typeof mesh.start> => [place, index > 3 ? { config } : {}],
    ),
  )
  const [keeps, lost, dies, stops] = [at(nodes, 0), at(nodes, 1), at(nodes, 2), at(nodes, 3)]
  const images = []
  for (const repository of ['one', 'two', 'three']) {
    const options = { platforms, layers: [300_000], salt: repository }
    images.push(await world.push(repository, 'latest', options))
    for (const node of nodes.slice(0, 4)) await pullFrom(node, repository)
  }
  world.uplink.refuse()
  const askers = nodes.slice(4)
  for (const node of askers) {
    await until(
      `${node.name} knows the last`,
      async () => (await askTag(node, 'three')).status === 200,
    )
  }

  // Three of four entries for each digest are stale from this moment on, and nobody was told.
  const layers = images.map(image => at(image.for('linux/amd64').layers, 0).digest)
  for (const layer of layers) {
    const name = `*${layer.split(':')[1]}*`
    const found = await run('find', [join(mesh.secretFile, '..', 'lost'), '-name', name])
    for (const file of found.trim().split('\n')) await rm(file)
  }
  process.kill(dies.pid, 'SIGKILL')
  process.kill(stops.pid, 'SIGSTOP')
  for (const node of askers) {
    // The first question meets a member that is silent, and waits for the deadline; what follows is to be right at once.
    await askTag(node, 'three')
    for (const [index, repository] of ['one', 'two', 'three'].entries()) {
      const pulled = await pullFrom(node, repository)
      t.equal(pulled.digest, images[index]?.digest, `${node.name} pulls ${repository} at once`)
      t.ok(pulled.tookMs < 10_000, `in ${Math.round(pulled.tookMs)} ms`)
    }
  }
  t.match(await keeps.metrics(), /^holdfast_peer_sent_bytes_total\{.*\} [1-9]/m)
  process.kill(stops.pid, 'SIGCONT')
  // Asked itself, in case that none of the others asked it.
  await ask(blobUrl(lost, 'one', at(layers, 0)))
  await until('it noticed what it lost', () => /"a blob was lost"/.test(lost.output()))
})

t.test(
  'thirty-two clients at once of one that has it: nobody is told that it is absent',
  async t => {
    const { world, places, startAll } = await setScene(t)
    const [p1, p2] = await places('holder', 'asked')
    if (p1 === undefined || p2 === undefined) throw new Error('no place')
    const nodes = await startAll([p1], [p2, { config: withoutUplink() }])
    const [holder, asked] = [at(nodes, 0), at(nodes, 1)]
    const layers = [400_000, 30_000]
    const image = await world.push('app', 'latest', { platforms, layers })
    await pullFrom(holder, 'app')
    world.uplink.refuse()
    await until('it is known', async () => (await askTag(asked, 'app')).digest === image.digest)
    const manifest = image.for('linux/amd64')
    const url = (item: string) => `${asked.mirror}/v2/app/manifests/${item}?ns=${registryName}`
    const urls = [
      ...['latest', image.digest, manifest.digest].map(url),
      ...[...manifest.layers, manifest.config].map(({ digest }) => blobUrl(asked, 'app', digest)),
    ]
    const answers = await Promise.all(
      Array.from({ length: 32 }, () => Promise.all(urls.map(each => ask(each)))),
    )
    const statuses = answers.flat().map(({ status }) => status)
    t.equal(statuses.length, 32 * urls.length)
    t.strictSame(new Set(statuses), new Set([200]))
  },
)

t.test('the only holder stands still for a moment: it is waited for, and not for ever', async t => {
  const { world, places, startAll } = await setScene(t)
  const [p1, p2] = await places('holder', 'asks')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  // Less than the holder stands still: it is waited for longer than for a registry.
  const config = { ...withoutUplink(), resolve: { timeoutMs: 500 } }
  const nodes = await startAll([p1], [p2, { config }])
  const [holder, asks] = [at(nodes, 0), at(nodes, 1)]
  for (const repository of ['one', 'two', 'three']) {
    await world.push(repository, 'latest', { platforms, layers: [100_000], salt: repository })
    t.equal((await pullFrom(holder, repository)).status, 200)
  }
  await untilEqual(nodes)
  world.uplink.refuse()
  process.kill(holder.pid, 'SIGSTOP')
  const pulling = ['one', 'two', 'one', 'two'].map(repository => pullFrom(asks, repository))
  await delay(1_500)
  process.kill(holder.pid, 'SIGCONT')
  for (const { status, headMs, headers } of await Promise.all(pulling)) {
    const told = `${Math.round(headMs)} ms, ${JSON.stringify(headers)}`
    t.equal(status, 200, told)
    t.ok(headMs > 1_000, `it stood still for the whole question: ${told}`)
  }

  process.kill(holder.pid, 'SIGSTOP')
  const first = await askTag(asks, 'three')
  t.equal(first.status, 404)
  t.ok(first.tookMs < 20_000, `after ${Math.round(first.tookMs)} ms`)
  await until('it is found out to be silent, and waited for no longer', async () => {
    const next = await askTag(asks, 'three')
    t.equal(next.status, 404)
    return next.tookMs < 500
  })
})

t.test('a tag that was asked for before it existed is answered as soon as it exists', async t => {
  const { world, places, startAll } = await setScene(t)
  const [p1, p2, p3] = await places('n1', 'n2', 'n3')
  if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
  const config = withoutUplink()
  const nodes = await startAll([p1], [p2, { config }], [p3, { config }])
  const n1 = at(nodes, 0)
  const delays: number[] = []
  for (const round of [1, 2, 3, 4, 5]) {
    const repository = `soon${round}`
    for (const node of nodes) t.equal((await askTag(node, repository)).status, 404)
    // With the uplink this is one question to n1; without, what the ledgers tell each other.
    const image = await world.push(repository, 'latest', { platforms, salt: repository })
    t.equal((await pullFrom(n1, repository)).digest, image.digest)
    await world.uplink.refuse()
    const knownMs = performance.now()
    for (const node of nodes.slice(1)) {
      await until(`${node.name} answers`, async () => {
        const told = await askTag(node, repository)
        return told.digest === image.digest
      })
      delays.push(Math.round(performance.now() - knownMs))
    }
    await world.uplink.accept()
    await until('the uplink is used again', async () => {
      const told = await askTag(n1, repository)
      return told.source === 'upstream'
    })
  }
  t.comment(`after ${delays.join(', ')} ms`)
  t.ok(Math.max(...delays) < 10_000, `at most ${Math.max(...delays)} ms later`)
})

t.test('the only holder is killed in mid-blob, and the registry has the rest', async t => {
  const { world, places, start } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const peer = { stallMs: 2_000, uploadBytesPerSecond: '1MiB' }
  const image = await world.push('big', 'latest', { platforms, layers: [12_000_000] })
  const n1 = await start(p1, { peer })
  await pullFrom(n1, 'big')
  const n2 = await start(p2, { peer, seeds: [p1] })
  await untilMet([n1, n2])
  const layer = at(image.for('linux/amd64').layers, 0)
  await until('n2 knows it', async () => (await askTag(n2, 'big')).digest === image.digest)
  const before = world.uplink.bytesSent('blob')
  // On a busy machine the holder may be late; the registry, which is asked then, is later.
  const late = world.uplink.fault({ do: 'slow', delayMs: 30_000 }, { kind: 'blob' })
  const { seen, ended } = transfer(blobUrl(n2, 'big', layer.digest))
  await until('bytes come', () => seen.bytes > 1_000_000)
  t.equal(world.uplink.bytesSent('blob'), before, 'none of them from the registry')
  late.heal()
  process.kill(n1.pid, 'SIGKILL')
  t.equal(await ended, 'whole')
  t.equal(seen.bytes, layer.size)
  const rest = world.uplink.bytesSent('blob') - before
  t.ok(rest > 0 && rest < layer.size, `${rest} bytes from the registry`)
  await until('n2 misses n1', async () => !(await namesOf(n2, 'alive')).includes('n1'))
})
