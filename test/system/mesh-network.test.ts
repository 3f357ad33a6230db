import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeImage } from '../support/image.ts'
import { startRegistry } from '../support/registry.ts'
import { pull } from './support/client.ts'
import { startDockerRegistry } from './support/docker-registry.ts'
import { type MeshNode, untilEqual, untilMet } from './support/mesh.ts'
import { askTag, at, namesOf, setLan, setScene, untilAllSay } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

const pullFrom = (node: MeshNode, repository: string) =>
  pull(node.mirror, registryName, repository, 'latest')

const pinPath = `/api/v1/pins/${encodeURIComponent(`${registryName}/pinned:latest`)}`

/** Registries' Dates are whole seconds: what is to be later has another one. */
async function untilNextDate(): Promise<void> {
  const sinceMs = performance.now()
  await until('another second', () => performance.now() - sinceMs > 1_100)
}

t.test('five nodes on a network that fails, with no name server', async t => {
  const lan = await setLan(t, 5)
  const { world, mesh, start, startAll } = await setScene(t)
  // What the second half of the nodes sees of the same registry: a mirror of it that may lag behind, or be ahead.
  const otherOrigin = await startDockerRegistry(join(world.dir, 'other'))
  const otherUplink = await startRegistry({ origin: otherOrigin.url })
  t.teardown(async () => {
    await otherUplink.close()
    await otherOrigin.stop()
  })
  const config = async (uplink: { readonly url: string }) => {
    const url = `http://${await lan.publish(Number(new URL(uplink.url).port))}`
    return { upstreams: { [registryName]: { url } } }
  }
  const [left, right] = [await config(world.uplink), await config(otherUplink)]
  const names = ['n1', 'n2', 'n3', 'n4', 'n5']
  const places = await Promise.all(
    names.map((name, index) => mesh.place(name, at(lan.hosts, index))),
  )
  const viewOf = (index: number) => (index < 2 ? left : right)
  const dns = { dns: ['nodes.holdfast.test'] }
  const nodes = await startAll(
    ...places
      .map((place, index) => [place, { config: viewOf(index), mesh: dns }] as const)
      .map(([place, options]): Parameters<typeof start> => [place, options]),
  )
  const [n1, n2, n3, n4, n5] = [0, 1, 2, 3, 4].map(index => at(nodes, index)) as [
    MeshNode,
    MeshNode,
    MeshNode,
    MeshNode,
    MeshNode,
  ]
  const image = (salt: string) => makeImage({ layers: [100_000], salt })
  const pushLeft = async (repository: string, salt: string) => {
    const made = image(salt)
    await world.origin.push(repository, 'latest', made)
    return made.digest
  }
  const pushRight = async (repository: string, salt: string) => {
    const made = image(salt)
    await otherOrigin.push(repository, 'latest', made)
    return made.digest
  }

  const both = async (repository: string, salt: string) => {
    await pushLeft(repository, salt)
    return pushRight(repository, salt)
  }
  /** The uplinks answer again, and all nodes have noticed. */
  const healUplinks = async () => {
    await world.uplink.accept()
    await otherUplink.accept()
    await until('all uplinks are used again', async () => {
      const told = await Promise.all(nodes.map(node => askTag(node, 'stay')))
      return told.every(({ source }) => source === 'upstream')
    })
  }

  /** One pin on each side of a partition, the one on the right later. */
  async function pinApart() {
    const [earlier, later] = [image('pinned left'), image('pinned right')]
    await world.origin.push('pinned', 'latest', earlier)
    await otherOrigin.push('pinned', 'latest', later)
    for (const node of [n1, n4]) await pullFrom(node, 'pinned')
    await n2.ask(pinPath, { method: 'PUT', body: { to: earlier.digest, author: 'left' } })
    await untilAllSay(nodes.slice(0, 2), 'pinned', earlier.digest)
    await n3.ask(pinPath, { method: 'PUT', body: { to: later.digest, author: 'right' } })
    await untilAllSay(nodes.slice(2), 'pinned', later.digest)
    return { earlier, later }
  }

  /** Of two pins that were set without knowing of each other the later one is in force everywhere, and both are remembered. */
  async function checkPins(t: Test, { earlier, later }: Awaited<ReturnType<typeof pinApart>>) {
    for (const node of nodes) {
      const told = await pullFrom(node, 'pinned')
      t.strictSame([told.digest, told.source], [later.digest, 'pin'], `by ${node.name}`)
      t.match(await node.ask(pinPath), {
        standing: 'in-force',
        author: 'right',
        history: [
          { digest: later.digest, author: 'right', conflict: true },
          { digest: earlier.digest, author: 'left', conflict: true },
        ],
      })
    }
  }

  await t.test('they met although no name can be resolved', async t => {
    const resolvConf = await readFile(
      join('/etc/netns', at(at(lan.hosts, 0).within, 3), 'resolv.conf'),
      'utf8',
    )
    t.notMatch(resolvConf, /nameserver/, 'there is none')
    t.match(nodes.map(node => node.output()).join(''), /nodes\.holdfast\.test/, 'and it was missed')
  })

  await t.test('parted into two and three: winners are who looked last', async t => {
    const [rolledBack, confirmed] = [await both('back', 'new'), await both('stay', 'new')]
    for (const repository of ['back', 'stay']) {
      await pullFrom(n1, repository)
      await pullFrom(n3, repository)
    }
    await untilEqual(nodes)

    await lan.partition([0, 1], [2, 3, 4])
    await until(
      'each side misses the other',
      async () => {
        const [seenLeft, seenRight] = [await namesOf(n1, 'alive'), await namesOf(n4, 'alive')]
        return seenLeft.join() === 'n2' && seenRight.toSorted().join() === 'n3,n5'
      },
      60_000,
    )
    for (const host of [0, 4]) t.ok((await lan.vanished(host)) > 0, 'packets did vanish')

    const onlyLeft = await pushLeft('left', 'left')
    t.equal((await pullFrom(n1, 'left')).digest, onlyLeft)
    const onlyRight = await pushRight('right', 'right')
    t.equal((await pullFrom(n4, 'right')).digest, onlyRight)
    await pushLeft('app', 'first')
    await pullFrom(n2, 'app')
    await pushRight('lib', 'first')
    await pullFrom(n3, 'lib')
    await pullFrom(n4, 'back')
    await pushLeft('stay', 'old')
    await pullFrom(n1, 'stay')
    await untilNextDate()
    const lastRight = await pushRight('app', 'second')
    t.equal((await pullFrom(n5, 'app')).digest, lastRight)
    const lastLeft = await pushLeft('lib', 'second')
    t.equal((await pullFrom(n1, 'lib')).digest, lastLeft)
    // The registry went back on one side. Where it was seen last, it wins; where the other side was told the new one since, that does.
    const old = await pushLeft('back', 'old')
    t.equal((await pullFrom(n2, 'back')).digest, old)
    t.equal((await pullFrom(n5, 'stay')).digest, confirmed)

    const pins = await pinApart()
    await lan.heal()
    const healedMs = performance.now()
    await untilMet(nodes, 90_000)
    t.comment(`met again after ${Math.round(performance.now() - healedMs)} ms`)
    await world.uplink.refuse()
    await otherUplink.refuse()
    const winners = {
      left: onlyLeft,
      right: onlyRight,
      app: lastRight,
      lib: lastLeft,
      back: old,
      stay: confirmed,
    }
    for (const [repository, digest] of Object.entries(winners)) {
      await untilAllSay(nodes, repository, digest)
    }
    t.comment(`of one word after ${Math.round(performance.now() - healedMs)} ms`)
    await untilEqual(nodes)
    for (const node of nodes) {
      for (const [repository, digest] of Object.entries(winners)) {
        t.equal((await pullFrom(node, repository)).digest, digest, `${repository} by ${node.name}`)
      }
    }
    t.not(rolledBack, old)
    await checkPins(t, pins)
    await healUplinks()
  })

  await t.test('one hears nothing for twenty seconds, and catches up', async t => {
    await lan.partition([4], [0, 1, 2, 3])
    await lan.unplugFromHub(4)
    const cutMs = performance.now()
    const missed = await both('missed', 'missed')
    t.equal((await pullFrom(n1, 'missed')).digest, missed)
    t.equal((await askTag(n5, 'missed')).status, 404, 'it cannot know')
    t.equal((await pullFrom(n5, 'stay')).status, 200, 'what it held it serves')
    await until('twenty seconds went by', () => performance.now() - cutMs > 20_000, 30_000)
    t.ok((await lan.vanished(4)) > 0, 'packets did vanish')
    await lan.heal()
    const healedMs = performance.now()
    await until(
      'it knows what it missed',
      async () => (await askTag(n5, 'missed')).digest === missed,
      60_000,
    )
    t.comment(`knows after ${Math.round(performance.now() - healedMs)} ms`)
    t.equal((await pullFrom(n5, 'missed')).digest, missed, 'bytes too')
    await untilMet(nodes, 60_000)
    await untilEqual(nodes)
  })

  await t.test('two lose a fifth of what they are sent, and still converge', async t => {
    await lan.lose(1, 0.2)
    await lan.lose(3, 0.2)
    const digests: string[] = []
    for (let index = 0; index < 10; index += 1) {
      digests.push(await both(`lossy${index}`, `lossy${index}`))
      await pullFrom(n1, `lossy${index}`)
    }
    const beganMs = performance.now()
    await untilEqual(nodes, 90_000)
    t.comment(`equal after ${Math.round(performance.now() - beganMs)} ms`)
    for (const host of [1, 3]) t.ok((await lan.vanished(host)) > 0, 'packets did vanish')
    await world.uplink.refuse()
    await otherUplink.refuse()
    await until(
      'a lossy node has the bytes',
      async () => (await pullFrom(n4, 'lossy0').catch(() => undefined))?.digest === digests[0],
      60_000,
    )
    await lan.heal()
    await healUplinks()
    await untilMet(nodes, 60_000)
  })

  await t.test('cut off from all but one neighbour, it lives by that one', async t => {
    await lan.partition([4], [0, 1, 2])
    await lan.unplugFromHub(4)
    const held = await both('by-one', 'by-one')
    t.equal((await pullFrom(n1, 'by-one')).digest, held)
    await until(
      'the neighbour has it',
      async () => (await pullFrom(n4, 'by-one').catch(() => undefined))?.digest === held,
    )
    await until(
      'it has it from the neighbour',
      async () => {
        const got = await pullFrom(n5, 'by-one').catch(() => undefined)
        return got?.digest === held
      },
      40_000,
    )
    const unseen = await both('through-one', 'through-one')
    await until(
      'the neighbour asks for it',
      async () => (await pullFrom(n5, 'through-one').catch(() => undefined))?.digest === unseen,
      40_000,
    )
    t.ok((await lan.vanished(4)) > 0, 'packets did vanish')
    await lan.heal()
    await untilMet(nodes, 60_000)
    await untilEqual(nodes)
  })
})
