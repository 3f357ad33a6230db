import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { startRegistry } from '../support/registry.ts'
import { ask, pull } from './support/client.ts'
import { type MeshNode, untilEqual, untilMet } from './support/mesh.ts'
import { askTag, at, namesOf, setScene } from './support/mesh-scene.ts'
import { stampsOf, withLedger } from './support/own-ledger.ts'
import { run, until } from './support/process.ts'
import { fakeTimeLibrary, requireSystem } from './support/requirements.ts'
import { blobUrl, transfer } from './support/transfer.ts'
import { registryName, withoutUplink } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']
const stallMs = 2_000
/** What a busy machine may add; whoever waits for what never comes waits longer. */
const slackMs = 10_000

const pullFrom = (node: MeshNode, repository: string) =>
  pull(node.mirror, registryName, repository, 'latest')

/** Bytes of blobs that a node has sent to others. */
async function sentBy(node: MeshNode): Promise<number> {
  const lines = (await node.metrics()).matchAll(/^holdfast_peer_sent_bytes_total\{.*\} (\d+)$/gm)
  return [...lines].reduce((sum, [, bytes]) => sum + Number(bytes), 0)
}

for (const how of ['SIGKILL', 'SIGSTOP'] as const) {
  t.test(`the only holder gets ${how} in the middle of a blob: a clean cut, then 404`, async t => {
    const peer = { stallMs, uploadBytesPerSecond: '4MiB' }
    const { world, places, start, startAll } = await setScene(t)
    const [p1, p2, p3] = await places('n1', 'n2', 'n3')
    if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
    const config = withoutUplink()
    const nodes = await startAll([p1, { peer }], [p2, { peer, config }])
    const [n1, n2] = [at(nodes, 0), at(nodes, 1)]
    const image = await world.push('big', 'latest', { platforms, layers: [24_000_000] })
    await pullFrom(n1, 'big')
    world.uplink.refuse()
    const layer = at(image.for('linux/amd64').layers, 0).digest

    const { seen, ended } = transfer(blobUrl(n2, 'big', layer))
    await until('bytes come', () => seen.bytes > 2_000_000)
    process.kill(n1.pid, how)
    const hitMs = performance.now()
    t.ok(seen.bytes < 24_000_000, 'it is in the middle')
    t.equal(await ended, 'cut')
    const cutMs = performance.now() - hitMs
    t.ok(cutMs < stallMs + slackMs, `cut after ${Math.round(cutMs)} ms`)
    // Whoever asked the holder again would wait for it each time; a machine that stands still does so once.
    const next = [await ask(blobUrl(n2, 'big', layer)), await ask(blobUrl(n2, 'big', layer))]
    for (const { status } of next) t.equal(status, 404)
    const nextMs = Math.min(...next.map(({ tookMs }) => tookMs))
    t.ok(nextMs < 1_000, `the next is told after ${Math.round(nextMs)} ms`)

    // Another one that holds it comes, and the rest of the same bytes is read from it.
    if (how === 'SIGSTOP') {
      process.kill(n1.pid, 'SIGCONT')
    } else {
      await start(p1, { peer })
    }
    await until('it is to be had again', async () => {
      const { status } = await ask(blobUrl(n2, 'big', layer))
      return status === 200
    })
  })

  t.test(`a holder gets ${how} in the middle of a blob, and another goes on`, async t => {
    const { world, places, start } = await setScene(t)
    const [p1, p2, p3] = await places('n1', 'n2', 'n3')
    if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
    // A node stores faster than a busy client reads, so what the client has says little of what was sent: the first holder is so slow
    // that it cannot have sent half of it when its time comes.
    const inZone = (name: string, zone: string, uploadBytesPerSecond: string) => ({
      peer: { stallMs, uploadBytesPerSecond },
      config: { node: { name, zone } },
    })
    const image = await world.push('big', 'latest', { platforms, layers: [24_000_000] })
    const n2 = await start(p2, inZone('n2', 'far', '64MiB'))
    await pullFrom(n2, 'big')
    const n1 = await start(p1, { ...inZone('n1', 'near', '512KiB'), seeds: [p2] })
    await untilMet([n1, n2])
    await pullFrom(n1, 'big')
    // It comes last: one that is there while others pull may be the one that fetches for all, and then it has the blob itself.
    const n3 = await start(p3, { ...inZone('n3', 'near', '64MiB'), seeds: [p2] })
    await untilMet([n1, n2, n3])
    world.uplink.refuse()
    const layer = at(image.for('linux/amd64').layers, 0)
    const before = await sentBy(n2)
    // On a busy machine the nearer one may be late and lose the race; the other one stands still until there is nothing to win.
    process.kill(n2.pid, 'SIGSTOP')
    const { seen, ended } = transfer(blobUrl(n3, 'big', layer.digest))
    await until('bytes come', () => seen.bytes > 500_000)
    process.kill(n2.pid, 'SIGCONT')
    await until('the other one is there', async () => (await namesOf(n3, 'alive')).includes('n2'))
    process.kill(n1.pid, how)
    t.ok(seen.bytes < layer.size, `it is in the middle: ${seen.bytes} bytes`)
    t.equal(await ended, 'whole')
    t.equal(seen.bytes, layer.size)
    // Counted when the transfer has ended on its side, too.
    const rest = await until('the other one has sent', async () => {
      const bytes = (await sentBy(n2)) - before
      return bytes > 0 && bytes
    })
    t.ok(rest > layer.size / 2, `${rest} bytes of the other one`)
    t.ok(rest <= layer.size - 500_000, 'none that the first had sent came twice')
  })
}

t.test('32 clients pull an image of one holder at once, and none misses a byte', async t => {
  const { world, places, startAll } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const nodes = await startAll([p1], [p2, { config: withoutUplink() }])
  const [n1, n2] = [at(nodes, 0), at(nodes, 1)]
  const layers = Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? 1_100_000 : 20_000))
  const image = await world.push('app', 'latest', { platforms, layers })
  await pullFrom(n1, 'app')
  world.uplink.refuse()
  await until('it is offered', async () => (await askTag(n2, 'app')).digest === image.digest)
  const pulls = await Promise.all(Array.from({ length: 32 }, () => pullFrom(n2, 'app')))
  const whole = image.for('linux/amd64')
  const bytes = [image, whole, whole.config, ...whole.layers].reduce(
    (sum, { size }) => sum + size,
    0,
  )
  t.strictSame(
    pulls.map(({ status, digest, bytes }) => ({ status, digest, bytes })),
    pulls.map(() => ({ status: 200, digest: image.digest, bytes })),
  )
  t.match(await n1.metrics(), /^holdfast_peer_sent_bytes_total\{.*\} [1-9]/m, 'from the other node')
})

t.test('a holder that lost a layer is not offered for it', async t => {
  const { world, places, startAll, mesh } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const nodes = await startAll([p1], [p2, { config: withoutUplink() }])
  const [n1, n2] = [at(nodes, 0), at(nodes, 1)]
  const image = await world.push('app', 'latest', { platforms, layers: [500_000] })
  await pullFrom(n1, 'app')
  world.uplink.refuse()
  await until('it is offered', async () => (await askTag(n2, 'app')).digest === image.digest)
  const layer = at(image.for('linux/amd64').layers, 0).digest
  const [, hex = ''] = layer.split(':')
  const found = await run('find', [join(mesh.secretFile, '..', 'n1'), '-name', `*${hex}*`])
  const files = found.trim().split('\n')
  t.ok(files.length > 0 && found.includes(hex), 'the file is there')
  for (const file of files) await rm(file)

  t.equal((await ask(blobUrl(n2, 'app', layer))).status, 404, 'nobody has it')
  const lostMs = performance.now()
  await until('the tag is no longer answered', async () => (await askTag(n2, 'app')).status === 404)
  const tookMs = performance.now() - lostMs
  t.ok(tookMs < 1_000 + slackMs, `${Math.round(tookMs)} ms`)
  t.equal((await askTag(n1, 'app')).status, 404, 'nor by the one that lost it')
})

t.test('who joins late answers thousands of tags rightly at once, and converges', async t => {
  const count = 10_000
  const { places, start, startAll } = await setScene(t)
  const image = makeImage({ platforms, layers: [10_000] })
  const tag = (index: number) => `v${index}`
  const { digest, mediaType } = image
  const tags = new Map(Array.from({ length: count }, (_, i) => [tag(i), { digest, mediaType }]))
  tags.set('latest', { digest, mediaType })
  const registry = await startRegistry({ images: { many: { blobs: image.blobs, tags } } })
  t.teardown(() => registry.close())
  const [p1, p2, p3] = await places('n1', 'n2', 'n3')
  if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
  const config = { upstreams: { [registryName]: { url: registry.url } } }
  // What a node learned in months, written by its own ledger: to ask for each would take as long as all the rest.
  await withLedger(p1, async ({ ledger }) => {
    const target = { digest, mediaType, size: image.size, dateMs: Date.now(), overTls: false }
    const learned = [...tags.keys()].map(name => {
      const key = { registry: registryName, repository: 'many', tag: name }
      return ledger.observeUpstream({ key, asked: ledger.askedNow(key), ...target })
    })
    await Promise.all(learned)
  })
  const nodes = await startAll([p1, { config }], [p2, { config }])
  const n1 = at(nodes, 0)
  await pullFrom(n1, 'many')
  await untilEqual(nodes)
  await registry.refuse()

  const joiner = await start(p3, { seeds: [p1], config: withoutUplink() })
  const beganMs = performance.now()
  await until('it met one', async () => ((await joiner.peers()).self?.neighbours ?? 0) > 0)
  for (const index of [0, 4_999, count - 1]) {
    const told = await until(`it answers ${tag(index)}`, async () => {
      const answer = await askTag(joiner, 'many', tag(index))
      return answer.status === 200 && answer
    })
    t.equal(told.digest, digest)
  }
  const answeredMs = performance.now() - beganMs
  t.ok(answeredMs < 3_000 + slackMs, `right answers after ${Math.round(answeredMs)} ms`)
  await untilEqual([...nodes, joiner])
  t.comment(`equal after ${Math.round(performance.now() - beganMs)} ms`)
  t.ok(((await joiner.peers()).sync?.records ?? 0) > count, 'all records came')
})

t.test(
  'a node comes back after a month; then all restart with no seeds and no registry',
  async t => {
    const { world, places, start, startAll } = await setScene(t)
    const [p1, p2, p3] = await places('n1', 'n2', 'n3')
    if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')

    const env = {
      LD_PRELOAD: fakeTimeLibrary(),
      FAKETIME: '-30d',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    }
    const layers = [200_000]
    const old = await world.push('app', 'latest', { platforms, layers, salt: 'old' })
    // The registry's word about the time counts for the record; so that was a month ago, too.
    const date = new Date(Date.now() - 30 * 86_400_000).toUTCString()
    const longAgo = world.uplink.fault({ do: 'headers', headers: { date } })
    const away = await start(p3, { env })
    t.equal((await pullFrom(away, 'app')).digest, old.digest)
    t.equal(await away.stop(), 0)
    longAgo.heal()
    const [, firstMs = 0] = /"time":(\d+)/.exec(away.output()) ?? []
    const monthAgoMs = Date.now() - 29 * 86_400_000
    t.ok(Number(firstMs) < monthAgoMs, 'that was a month ago')
    const [stampMs = 0] = stampsOf(p3, `${registryName}/app:latest`)
    t.ok(stampMs < monthAgoMs, `and so says its record: ${new Date(stampMs).toISOString()}`)

    const nodes = await startAll([p1], [p2])
    const current = await world.push('app', 'latest', { platforms, layers, salt: 'current' })
    t.equal((await pullFrom(at(nodes, 0), 'app')).digest, current.digest)
    await untilEqual(nodes)
    const config = withoutUplink()
    world.uplink.refuse()
    nodes.push(await start(p3, { seeds: [p1], config }))
    await untilMet(nodes)
    await untilEqual(nodes)
    for (const node of nodes) {
      t.equal((await pullFrom(node, 'app')).digest, current.digest, `${node.name} does not go back`)
    }

    await Promise.all(nodes.map(node => node.stop('SIGKILL')))
    const again = await Promise.all([p1, p2, p3].map(place => start(place, { config })))
    await untilMet(again, 60_000)
    for (const node of again) {
      t.equal((await pullFrom(node, 'app')).digest, current.digest, `${node.name} remembers`)
    }
  },
)
