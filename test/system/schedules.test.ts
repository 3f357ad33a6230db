import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import type { MeshNode } from './support/mesh.ts'
import { askTag, at, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

const everyMs = 3_000

interface Job {
  readonly id: string
  readonly state: string
  readonly createdAt: string
  readonly nodes: readonly { readonly name: string; readonly state?: string }[]
}

/** When the runs that a node began were due, oldest first, as far as its log, which is written behind, has come. */
const begun = (node: MeshNode): readonly number[] =>
  [...node.output().matchAll(/"due":"([^"]+)".*what recurs is due/g)].map(([, due = '']) =>
    Date.parse(due),
  )

const newestJob = async (node: MeshNode): Promise<Job | undefined> => {
  const { items } = await node.ask<{ items: readonly { id: string }[] }>('/api/v1/jobs')
  return items[0] && node.ask<Job>(`/api/v1/jobs/${items[0].id}`)
}

/** It does not reach the registry, nor does it take another node to do so. */
const isCutOff = async (node: MeshNode): Promise<boolean> => {
  const { endpoints } = await node.ask<{ endpoints: readonly { state: string }[] }>(
    '/api/v1/status',
  )
  const { members } = await node.peers()
  return [
    ...endpoints.map(({ state }) => state !== 'closed'),
    ...members.map(({ upstreams }) => !upstreams.includes(registryName)),
  ].every(Boolean)
}

/** Long enough for two times of the schedule and the look at the second. */
const twoTimes = () => delay(2 * everyMs + 500)
let asked = 0
/** What a node has said so far is written when what it is asked for next is. */
async function written(...nodes: readonly MeshNode[]): Promise<void> {
  for (const node of nodes) {
    asked += 1
    const repository = `asked-${asked}`
    await askTag(node, repository)
    await until(`${node.name} wrote it`, () => node.output().includes(repository))
  }
}

t.test('a schedule has every node fetch, makes up for an outage and a kill once', async t => {
  const { world, places, startAll, start } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const nodes = await startAll([p1], [p2])
  const [n1, n2] = [at(nodes, 0), at(nodes, 1)]
  const image = await world.push('app', 'latest', { layers: [50_000] })
  const path = '/api/v1/schedules/often'
  const body = {
    images: [`${registryName}/app:latest`],
    every: `*/${everyMs / 1_000} * * * * *`,
    jitterSeconds: 0,
  }
  const said = await n1.ask<{ storedOn: object }>(`${path}?copies=2`, { method: 'PUT', body })
  t.match(said, { storedOn: { nodes: 2, members: 2 }, scope: 'all', removed: false })

  const job = await until('both nodes did their share of one run', async () => {
    const newest = await newestJob(n2)
    return newest?.state === 'done' && newest.nodes.length === 2 ? newest : undefined
  })
  t.match(job.id, /^often-20\d{6}t\d{6}z$/)
  t.equal(Date.parse(job.createdAt) % everyMs, 0, 'due at a whole time, the same on both')
  const due = Date.parse(job.createdAt)
  await until('one run of both, and not one of each', () =>
    [n1, n2].every(node => begun(node).includes(due)),
  )
  for (const node of [n1, n2]) {
    const answer = await fetch(`${node.mirror}/v2/app/manifests/${image.digest}?ns=${registryName}`)
    t.equal(answer.status, 200)
  }

  await world.uplink.refuse()
  await until('both know that the registry is away', async () =>
    (await Promise.all([n1, n2].map(isCutOff))).every(Boolean),
  )
  await written(n1, n2)
  const before = [n1, n2].map(node => begun(node).length)
  await twoTimes()
  await written(n1, n2)
  t.strictSame(
    [n1, n2].map(node => begun(node).length),
    before,
    'nothing is begun while the registry is away',
  )
  const backAtMs = Date.now()
  await world.uplink.accept()
  for (const [i, node] of [n1, n2].entries()) {
    await until('what was missed is made up for', () => begun(node).length > at(before, i), 30_000)
    const [first = 0] = begun(node).slice(before[i])
    t.ok(first > backAtMs - everyMs, 'by the newest time alone')
  }

  const killed = begun(n1).at(-1) ?? 0
  await n1.stop('SIGKILL')
  await twoTimes()
  const startedMs = Date.now()
  const again = await start(p1, { seeds: [p2] })
  await until('it begins after a kill', () => begun(again).length > 0)
  const [first = 0] = begun(again)
  t.ok(first > killed, 'no time is begun twice')
  t.ok(first > startedMs - everyMs, `by the newest alone: ${new Date(first).toISOString()}`)

  await again.ask(path, { method: 'DELETE' })
  await until('the other node has heard of it', async () => {
    const { items } = await n2.ask<{ items: readonly object[] }>('/api/v1/schedules')
    return items.length === 0
  })
  await written(n2)
  const last = begun(n2).length
  await twoTimes()
  await written(n2)
  t.equal(begun(n2).length, last, 'a schedule that was removed begins nothing')
})
