import { open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t from 'tap'
import { mount } from '../support/mount.ts'
import { ask, pull } from './support/client.ts'
import { type MeshNode, untilEqual, untilMet } from './support/mesh.ts'
import { askTag, at, namesOf, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName, withoutUplink } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']
const pullFrom = (node: MeshNode, repository: string) =>
  pull(node.mirror, registryName, repository, 'latest')

/** Writes nonsense over the middle half of a file. */
async function spoil(file: string): Promise<void> {
  const { size } = await stat(file)
  const handle = await open(file, 'r+')
  await handle.write(Buffer.alloc(Math.floor(size / 2), 0xa5), 0, undefined, Math.floor(size / 4))
  await handle.close()
}

/** Bytes of the nonsense that stands for a member. */
const nonsenseBytes = 60

/** How many members a node has on its disk, without that nonsense. */
function membersOn(dir: string): number {
  const db = new Database(join(dir, 'data', 'ledger.db'), { readonly: true })
  const row = db
    .prepare<[number], { count: number }>(
      'SELECT count(*) AS count FROM member WHERE length(body) <> ?',
    )
    .get(nonsenseBytes)
  db.close()
  return row?.count ?? 0
}

/** What may be wrong with the files of a node that starts again, and what it says of it. */
const damages = [
  {
    what: 'the ledger is nonsense in the middle',
    async harm(data: string) {
      await rm(join(data, 'ledger.db-wal'), { force: true })
      await spoil(join(data, 'ledger.db'))
    },
    told: /moved aside/,
    isLost: true,
  },
  {
    what: 'the table of members is nonsense',
    async harm(data: string) {
      const db = new Database(join(data, 'ledger.db'))
      const { changes } = db
        .prepare('UPDATE member SET body = randomblob(?), signature = randomblob(64)')
        .run(nonsenseBytes)
      db.close()
      if (changes === 0) throw new Error('there was nothing to harm')
    },
    told: /ready/,
    isLost: false,
  },
  {
    what: 'the key of the node is empty, as a power cut leaves it',
    harm: (data: string) => writeFile(join(data, 'node.key'), ''),
    told: /node key is damaged: moved aside/,
    isLost: false,
  },
]

t.test(
  'a node whose files are damaged starts, and has everything back from the others',
  async t => {
    const { world, places, start, startAll } = await setScene(t)
    const [p1, p2, p3] = await places('n1', 'n2', 'n3')
    if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
    const nodes = await startAll([p1], [p2], [p3])
    const others = [at(nodes, 0), at(nodes, 1)]
    const image = await world.push('app', 'latest', { platforms })
    for (const node of nodes) await pullFrom(node, 'app')
    await untilEqual(nodes)
    world.uplink.refuse()
    let node = at(nodes, 2)
    for (const { what, harm, told, isLost } of damages) {
      await t.test(what, async t => {
        // Who still remembers the others, or is remembered by them under its key, needs no seed.
        const seeds = isLost ? [p1] : []
        await until('it has written down both others', () => membersOn(p3.dir) === 2)
        await node.stop('SIGKILL')
        await harm(join(p3.dir, 'data'))
        node = await start(p3, { seeds })
        await until('it is told', () => told.test(node.output()))
        await untilMet([...others, node], 60_000)
        await untilEqual([...others, node])
        const pulled = await pullFrom(node, 'app')
        t.equal(pulled.digest, image.digest, 'it answers')
        for (const other of others) {
          t.equal((await pullFrom(other, 'app')).digest, image.digest, `${other.name} does, too`)
        }
      })
    }
  },
)

t.test(
  'the disk of one node is full: it answers out of the others, and catches up later',
  async t => {
    const { world, mesh, places, startAll } = await setScene(t)
    const disk = await mount(t, ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs'])
    const [p1, p2] = await places('n1', 'n2')
    if (p1 === undefined || p2 === undefined) throw new Error('no place')
    const p3 = { ...(await mesh.place('full')), dir: join(disk, 'full') }
    const config = withoutUplink()
    const nodes = await startAll([p1], [p2], [p3, { config }])
    const [n1, n2, full] = [at(nodes, 0), at(nodes, 1), at(nodes, 2)]
    const others = [n1, n2]
    const known = await world.push('known', 'latest', { platforms, layers: [300_000] })
    await pullFrom(n1, 'known')
    await untilEqual(nodes)

    const filler = await open(join(disk, 'filler'), 'w')
    await t.rejects(filler.writeFile(Buffer.alloc(24 * 2 ** 20)), { code: 'ENOSPC' })
    await filler.close()
    const fresh = await world.push('fresh', 'latest', { platforms, layers: [300_000] })
    for (let index = 0; index < 20; index += 1) {
      await world.push(`more${index}`, 'latest', { platforms, salt: `more${index}` })
      await pullFrom(n1, `more${index}`)
    }
    t.equal(
      (await pullFrom(full, 'known')).digest,
      known.digest,
      'what it knew, with others’ bytes',
    )
    const pulled = await pullFrom(full, 'fresh')
    t.equal(pulled.digest, fresh.digest)
    t.equal(pulled.source, 'peer', 'what it did not know, by the uplink of others')
    const ready = await ask(`${full.health}/readyz`)
    t.equal(ready.status, 200)
    t.match(ready.body.toString(), /store|ledger/, 'and it says what is wrong')
    for (const node of others) {
      t.equal((await pullFrom(node, 'fresh')).digest, fresh.digest, `${node.name} goes on`)
      await until('and does not take it for dead', async () =>
        (await namesOf(node, 'alive')).includes('full'),
      )
    }
    await untilEqual(others)
    t.not((await full.peers()).sync?.root, (await n1.peers()).sync?.root, 'it could not keep up')

    await rm(join(disk, 'filler'))
    const roomMs = performance.now()
    await untilEqual(nodes, 60_000)
    t.comment(`equal ${Math.round(performance.now() - roomMs)} ms after there was room`)
    world.uplink.refuse()
    const last = await until('it knows what it missed', async () => {
      const told = await askTag(full, 'more19')
      return told.status === 200 && told
    })
    t.match(last.source, /ledger|peer/)
    const files = await readdir(join(p3.dir, 'data', 'blobs'), { recursive: true })
    t.ok(files.length > 0)
  },
)
