import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { pull } from './support/client.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName, startWorld, type World } from './support/world.ts'

requireSystem()

const rounds = Number(process.env['HOLDFAST_CRASH_ROUNDS'] ?? 100)
const repositories = ['one', 'two', 'three', 'four']

/** What each tag has pointed to upstream, oldest first, and the newest that a client was told. */
interface Told {
  readonly pushed: string[]
  acknowledged: number
}

t.test(
  `kill -9 at ${rounds} random instants under load loses nothing and serves nothing wrong`,
  async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const told = new Map<string, Told>(
      repositories.map(name => [name, { pushed: [], acknowledged: -1 }]),
    )
    let kills = 0
    let pulls = 0
    for (let round = 0; round < rounds; round++) {
      for (const [name, tag] of told) {
        if (round % 4 !== repositories.indexOf(name)) continue
        const image = makeImage({ layers: [1_500_000, 3_000], salt: `${name} ${round}` })
        tag.pushed.push(image.digest)
        await world.origin.push(name, 'latest', image)
      }
      const node = await world.node()
      const known = await node.ask<{ items: { reference: string; digest: string }[] }>(
        '/api/v1/tags',
      )
      for (const [name, tag] of told) {
        if (tag.acknowledged < 0) continue
        const row = known.items.find(i => i.reference === `${registryName}/${name}:latest`)
        const at = tag.pushed.indexOf(row?.digest ?? '')
        if (at < tag.acknowledged) t.fail(`round ${round}: ${name} fell back from what was told`)
      }
      await checkStore(t, world, round)
      const killed = delay(30 + Math.random() * 400).then(() => node.stop('SIGKILL'))
      const load = repositories.flatMap(name => [hammer(name), hammer(name)])
      await killed
      kills += 1
      await Promise.all(load)

      async function hammer(name: string): Promise<void> {
        const tag = told.get(name)
        if (tag === undefined || tag.pushed.length === 0) return
        for (;;) {
          try {
            const pulled = await pull(node.mirror, registryName, name, 'latest')
            pulls += 1
            const at = tag.pushed.indexOf(pulled.digest)
            if (pulled.status === 200 && at < 0)
              t.fail(`round ${round}: ${pulled.digest} is no image of ${name}`)
            if (pulled.status === 200) tag.acknowledged = Math.max(tag.acknowledged, at)
          } catch (error) {
            if (String(error).includes('hashes to')) t.fail(`round ${round}: ${error}`)
            return // the node is gone
          }
        }
      }
    }
    t.equal(kills, rounds)
    t.ok(pulls > rounds, `${pulls} pulls between the kills`)
    world.uplink.freeze()
    const last = await world.node()
    for (const name of repositories) {
      const pulled = await pull(last.mirror, registryName, name, 'latest')
      t.equal(pulled.status, 200, `${name} is served after it all, with upstream frozen`)
    }
  },
)

/** Every visible blob is what its name says. */
async function checkStore(
  t: { fail(message: string): unknown },
  world: World,
  round: number,
): Promise<void> {
  const folder = join(world.dir, 'node', 'data', 'blobs', 'sha256')
  for (const name of await readdir(folder).catch(() => [])) {
    const hash = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex')
    if (hash !== name) t.fail(`round ${round}: ${name} hashes to ${hash}`)
  }
}
