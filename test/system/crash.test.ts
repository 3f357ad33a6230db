import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { makeImage } from '../support/image.ts'
import { pull } from './support/client.ts'
import type { HoldfastNode } from './support/holdfast.ts'
import { at } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName, startWorld, type World } from './support/world.ts'

requireSystem()

const rounds = Number(process.env['HOLDFAST_SYSTEM_CRASH_ROUNDS'] ?? 100)
/** Clients of each tag at the same time. */
const clients = 2

/** What one tag has pointed to upstream, oldest first, and the newest that a client was told. */
interface Told {
  readonly repository: string
  readonly pushed: string[]
  acknowledged: number
  pulls: number
}

const sumOfPulls = (tags: readonly Told[]): number =>
  tags.reduce((sum, { pulls }) => sum + pulls, 0)

t.test(
  `kill -9 at ${rounds} random instants under load loses nothing and serves nothing wrong`,
  async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const tags = ['one', 'two', 'three', 'four'].map(
      (repository): Told => ({ repository, pushed: [], acknowledged: -1, pulls: 0 }),
    )
    for (let round = 0; round < rounds; round++) {
      const moved = await moveOneTag(world, tags, round)
      const node = await world.node()
      await checkLedger(t, node, tags, round)
      await checkStore(t, world, round)
      const before = sumOfPulls(tags)
      const load = tags
        .filter(tag => tag.pushed.length > 0)
        .flatMap(tag => Array.from({ length: clients }, () => pullUntilGone(t, node, tag)))
      const serves = () => moved.acknowledged >= 0 && sumOfPulls(tags) > before
      // Every other one may be killed before a client has anything of it; how long a pull takes is the machine's affair.
      if (round % 2 === 0 || moved.acknowledged < 0) await until('it serves under load', serves)
      await delay(Math.random() * 400)
      t.equal(await node.stop('SIGKILL'), 'SIGKILL', `round ${round}`)
      await Promise.all(load)
    }
    t.comment(`${sumOfPulls(tags)} pulls between the kills`)

    const statuses = async ({ mirror }: HoldfastNode): Promise<number[]> => {
      const pulled: number[] = []
      for (const { repository } of tags) {
        pulled.push((await pull(mirror, registryName, repository, 'latest')).status)
      }
      return pulled
    }
    const served = tags.map(() => 200)
    const node = await world.node()
    await until('all is had', async () => isDeepStrictEqual(await statuses(node), served))
    world.uplink.freeze()
    await until('all is on the disk', async () => isDeepStrictEqual(await statuses(node), served))
    await node.stop('SIGKILL')
    const last = await world.node()
    t.strictSame(await statuses(last), served, 'all is served after it, with upstream frozen')
  },
)

async function moveOneTag(world: World, tags: readonly Told[], round: number): Promise<Told> {
  const tag = at(tags, round % tags.length)
  const image = makeImage({ layers: [1_500_000, 3_000], salt: `${tag.repository} ${round}` })
  tag.pushed.push(image.digest)
  await world.origin.push(tag.repository, 'latest', image)
  return tag
}

/** Pulls again and again until the node is killed. */
async function pullUntilGone(t: Test, node: HoldfastNode, tag: Told): Promise<void> {
  for (;;) {
    try {
      const pulled = await pull(node.mirror, registryName, tag.repository, 'latest')
      if (pulled.status !== 200) continue
      tag.pulls += 1
      const at = tag.pushed.indexOf(pulled.digest)
      if (at < 0) t.fail(`${pulled.digest} is no image of ${tag.repository}`)
      tag.acknowledged = Math.max(tag.acknowledged, at)
    } catch (error) {
      if (String(error).includes('hashes to')) t.fail(String(error))
      return // the node is gone
    }
  }
}

/** What a client was told is still known. */
async function checkLedger(
  t: Test,
  node: HoldfastNode,
  tags: readonly Told[],
  round: number,
): Promise<void> {
  const { items } = await node.ask<{ items: { reference: string; digest: string }[] }>(
    '/api/v1/tags',
  )
  for (const { repository, pushed, acknowledged } of tags) {
    const row = items.find(item => item.reference === `${registryName}/${repository}:latest`)
    const at = pushed.indexOf(row?.digest ?? '')
    if (at < acknowledged) t.fail(`round ${round}: ${repository} fell back from what was told`)
  }
}

/** Every visible blob is what its name says. */
async function checkStore(t: Test, world: World, round: number): Promise<void> {
  const folder = join(world.dir, 'node', 'data', 'blobs', 'sha256')
  for (const name of await readdir(folder).catch(() => [])) {
    const hash = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex')
    if (hash !== name) t.fail(`round ${round}: ${name} hashes to ${hash}`)
  }
}
