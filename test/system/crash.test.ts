import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { makeImage } from '../support/image.ts'
import { pull } from './support/client.ts'
import type { HoldfastNode } from './support/holdfast.ts'
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
}

t.test(
  `kill -9 at ${rounds} random instants under load loses nothing and serves nothing wrong`,
  async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const tags = ['one', 'two', 'three', 'four'].map(
      (repository): Told => ({ repository, pushed: [], acknowledged: -1 }),
    )
    let pulls = 0
    for (let round = 0; round < rounds; round++) {
      await moveOneTag(world, tags, round)
      const node = await world.node()
      await checkLedger(t, node, tags, round)
      await checkStore(t, world, round)
      const killed = delay(30 + Math.random() * 400).then(() => node.stop('SIGKILL'))
      const load = tags
        .filter(tag => tag.pushed.length > 0)
        .flatMap(tag => Array.from({ length: clients }, () => pullUntilGone(t, node, tag)))
      t.equal(await killed, 'SIGKILL', `round ${round}`)
      for (const count of await Promise.all(load)) pulls += count
    }
    t.ok(pulls > rounds, `${pulls} pulls between the kills`)

    world.uplink.freeze()
    const last = await world.node()
    for (const { repository } of tags) {
      const { status } = await pull(last.mirror, registryName, repository, 'latest')
      t.equal(status, 200, `${repository} is served after it all, with upstream frozen`)
    }
  },
)

async function moveOneTag(world: World, tags: readonly Told[], round: number): Promise<void> {
  const tag = tags[round % tags.length]
  if (tag === undefined) return
  const image = makeImage({ layers: [1_500_000, 3_000], salt: `${tag.repository} ${round}` })
  tag.pushed.push(image.digest)
  await world.origin.push(tag.repository, 'latest', image)
}

/** Pulls again and again until the node is killed; says how often it worked. */
async function pullUntilGone(t: Test, node: HoldfastNode, tag: Told): Promise<number> {
  for (let worked = 0; ; ) {
    try {
      const pulled = await pull(node.mirror, registryName, tag.repository, 'latest')
      if (pulled.status !== 200) continue
      worked += 1
      const at = tag.pushed.indexOf(pulled.digest)
      if (at < 0) t.fail(`${pulled.digest} is no image of ${tag.repository}`)
      tag.acknowledged = Math.max(tag.acknowledged, at)
    } catch (error) {
      if (String(error).includes('hashes to')) t.fail(String(error))
      return worked // the node is gone
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
