import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { pull } from './support/client.ts'
import { type MeshNode, untilEqual, untilMet } from './support/mesh.ts'
import { askTag, at, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']
const repositories = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight']

/** Images that are kept and whole on a node, by its own word. */
async function heldOn(node: MeshNode): Promise<number> {
  const found = /^holdfast_kept_images\{state="held"\} (\d+)$/m.exec(await node.metrics())
  return Number(found?.[1])
}

const heldOnAll = async (nodes: readonly MeshNode[]): Promise<number[]> =>
  Promise.all(nodes.map(heldOn))

t.test('what is kept has two copies; a reboot makes none, a loss makes one', async t => {
  const { world, places, start } = await setScene(t)
  const [p1, p2, p3] = await places('n1', 'n2', 'n3')
  if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
  const beganMs = performance.now()
  const n1 = await start(p1, { config: { keep: { copies: 2 } } })
  const startMs = performance.now() - beganMs
  // A reboot is over long before, also on a machine that has much else to do.
  const repairAfterMs = Math.max(10, Math.ceil((5 * startMs) / 1_000)) * 1_000
  const config = { keep: { copies: 2, repairAfter: `${repairAfterMs / 1_000}s` } }
  const others = await Promise.all([p2, p3].map(place => start(place, { seeds: [p1], config })))
  const [n2, n3] = [at(others, 0), at(others, 1)]
  const nodes = [n1, n2, n3]
  await untilMet(nodes)
  for (const repository of repositories) {
    await world.push(repository, 'latest', { platforms, layers: [100_000], salt: repository })
    await pull(n1.mirror, registryName, repository, 'latest')
  }
  await untilEqual(nodes)
  await world.uplink.refuse()
  t.strictSame(await heldOnAll(others), [0, 0], 'they are where they were pulled')

  const pattern = encodeURIComponent(`${registryName}/**`)
  const keep = await n1.ask(`/api/v1/keeps/${pattern}?copies=3`, { method: 'PUT' })
  t.match(keep, { tags: repositories.length, storedOn: { nodes: 3, members: 3 } })
  // n1 has all of them, and is an owner of some: each of the others has one owner or two among n2 and n3.
  await until('the owners hold what they are to hold', async () => {
    const lacking = await Promise.all(nodes.map(node => node.metrics()))
    const held = await heldOnAll(others)
    const isWhole = lacking.every(text => /^holdfast_kept_images\{state="lacking"\} 0$/m.test(text))
    return isWhole && at(held, 0) + at(held, 1) >= repositories.length
  })
  const before = await heldOnAll(others)
  t.comment(`n2 and n3 hold ${before.join(' and ')} of ${repositories.length}`)
  t.ok(at(before, 0) + at(before, 1) < 2 * repositories.length, 'n1 is an owner of some')

  const rebootedMs = performance.now()
  await n1.stop('SIGKILL')
  const again = await start(p1, { seeds: [p2], config })
  const rebootMs = performance.now() - rebootedMs
  t.ok(rebootMs < repairAfterMs, `a reboot of ${Math.round(rebootMs)} ms`)
  await untilMet([again, n2, n3])
  await delay(rebootedMs + repairAfterMs + 4_000 - performance.now())
  t.strictSame(await heldOnAll(others), before, 'no copy was made')

  const lostMs = performance.now()
  await again.stop('SIGKILL')
  await until(
    'both that are left hold everything',
    async () => (await heldOnAll(others)).every(held => held === repositories.length),
    repairAfterMs + 60_000,
  )
  const tookMs = performance.now() - lostMs
  t.comment(`copies were made anew ${Math.round(tookMs)} ms after the loss`)
  t.ok(tookMs > repairAfterMs, 'not before it had been away for long')
  await n2.stop('SIGKILL')
  for (const repository of repositories) {
    const { status } = await pull(n3.mirror, registryName, repository, 'latest')
    t.equal(status, 200, `n3 alone serves ${repository}`)
  }
  t.equal((await askTag(n3, 'one')).status, 200)
})

interface Counted {
  readonly verdict: string
  readonly items: readonly {
    readonly reference: string
    readonly copies: readonly object[]
  }[]
}

t.test('each platform has its own copies, on nodes with clients of it', async t => {
  const { world, places, startAll } = await setScene(t, { keep: { copies: 2 } })
  const [p1, p2, p3] = await places('n1', 'n2', 'n3')
  if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
  const config = { platforms: ['linux/arm64'] }
  const nodes = await startAll([p1], [p2], [p3, { config }])
  const [n1, n2, n3] = [at(nodes, 0), at(nodes, 1), at(nodes, 2)]
  await world.push('both', 'latest', { layers: [100_000], salt: 'both' })
  await world.push('one', 'latest', { platforms, layers: [100_000], salt: 'one' })
  for (const repository of ['both', 'one']) {
    await pull(n1.mirror, registryName, repository, 'latest')
  }
  const report = () => n1.ask<Counted>('/api/v1/report')
  const pattern = encodeURIComponent(`${registryName}/**`)
  await n1.ask(`/api/v1/keeps/${pattern}?copies=3`, { method: 'PUT' })
  await until('what is kept is where it should be', async () => {
    const { items } = await report()
    return items.every(({ copies }) => copies.length > 0) && (await heldOn(n2)) === 2
  })
  await until('also that of the one node for arm64', async () => (await heldOn(n3)) === 1)
  await world.uplink.refuse()
  const amd64 = { platform: 'linux/amd64', held: 2, wanted: 2 }
  const expected = [[amd64, { platform: 'linux/arm64', held: 1, wanted: 1 }], [amd64]]
  // What a node holds is known to the others a moment later.
  await until('all of it is counted', async () => {
    const { items, verdict } = await report()
    const counted = items.map(({ copies }) => copies)
    return verdict === 'ready' && isDeepStrictEqual(counted, expected)
  })
  await n1.stop('SIGKILL')
  for (const repository of ['both', 'one']) {
    t.equal((await pull(n2.mirror, registryName, repository, 'latest')).status, 200)
  }
  await n2.stop('SIGKILL')
  t.equal((await pull(n3.mirror, registryName, 'both', 'latest', 'arm64')).status, 200)
})
