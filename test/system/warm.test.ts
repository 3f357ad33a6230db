import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { randomBytesOf } from '../support/layer.ts'
import type { LoggedRequest } from '../support/registry.ts'
import { pull } from './support/client.ts'
import type { MeshNode } from './support/mesh.ts'
import { at, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName, type World } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']

/** A job as a node tells it. */
interface Job {
  readonly state: string
  readonly waitsFor?: string
  readonly done: number
  readonly failed: number
  readonly wanted: number
  readonly bytes: number
  readonly totalBytes: number
  readonly nodes: readonly {
    readonly name: string
    readonly images: readonly { readonly state: string; readonly bytes: number }[]
  }[]
}

/** Images in families of three: those of one have a layer in common. Returns their names, and sizes by digest of all blobs. */
async function pushImages(world: World, prefix: string, count: number) {
  const images: string[] = []
  const sizes = new Map<string, number>()
  for (let i = 0; i < count; i++) {
    const repository = `${prefix}-${i}`
    const family = `${prefix} family ${Math.floor(i / 3)}`
    const layers = [[{ name: 'base', data: randomBytesOf(family, 1_200_000) }], 60_000]
    const image = await world.push(repository, 'v1', { platforms, layers, salt: repository })
    images.push(`${registryName}/${repository}:v1`)
    const { config, layers: made } = image.for('linux/amd64')
    for (const { digest, size } of [config, ...made]) sizes.set(digest, size)
  }
  return { images, sizes }
}

const jobOf = (node: MeshNode, id: string): Promise<Job> => node.ask(`/api/v1/jobs/${id}`)

const give = (node: MeshNode, id: string, body: object) =>
  node.ask(`/api/v1/jobs/${id}?copies=3`, { method: 'PUT', body })

/** Looks how a job is again and again, and that nothing of it becomes less. */
function watch(t: Test, node: MeshNode, id: string) {
  const seen: Job[] = []
  const faults: string[] = []
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      const job = await jobOf(node, id)
      const before = seen.at(-1)
      if (before !== undefined) faults.push(...lessThan(before, job))
      seen.push(job)
      await pause(100)
    }
  })()
  return {
    seen,
    async end() {
      isOver = true
      await watching
      t.strictSame(faults, [], `nothing went back in ${seen.length} looks`)
    },
  }
}

function lessThan(before: Job, now: Job): string[] {
  const faults = (['done', 'failed', 'bytes', 'totalBytes'] as const)
    .filter(field => now[field] < before[field])
    .map(field => `${field} from ${before[field]} to ${now[field]}`)
  const images = now.nodes.flatMap(({ name, images }) =>
    images.flatMap(({ bytes, state }, i) => {
      const was = before.nodes.find(node => node.name === name)?.images[i]
      if (was === undefined) return []
      const isLess = bytes < was.bytes || (was.state === 'done' && state !== 'done')
      return isLess ? [`image ${i} on ${name}: ${was.state} ${was.bytes}, ${state} ${bytes}`] : []
    }),
  )
  return [...faults, ...images]
}

/** Without the byte by which a node finds out whether a registry sends blobs again. */
const blobsAsked = ({ uplink }: World) =>
  uplink.log.filter(
    ({ kind, method, range }) => kind === 'blob' && method === 'GET' && range !== 'bytes=0-0',
  )

const digestIn = ({ path }: LoggedRequest) => path.slice(path.lastIndexOf('/') + 1)
const markOf = ({ headers }: LoggedRequest) => headers['holdfast-node']

/** Who is late to say that it has a smaller one, on a busy machine, costs less than the wait: these count by their bytes alone. */
const largeBytes = 1_000_000

/** What the registry was asked for of one blob. */
interface Asked {
  readonly size: number
  readonly requests: readonly LoggedRequest[]
}

/**
 * That the registry sent each blob once. What it sends again is what the killed node had asked for, once more at the most: it goes on where it
 * was itself, whatever others got of that meanwhile; and what was on its way when a connection was cut.
 */
function eachWasSentOnce(
  t: Test,
  world: World,
  { sizes, aliveSince }: { readonly sizes: ReadonlyMap<string, number>; aliveSince: number },
): void {
  const blobs = blobsAsked(world)
  const living = new Set(blobs.slice(aliveSince).map(markOf))
  const asked = [...sizes].map(([digest, size]) => ({
    size,
    requests: blobs.filter(request => digestIn(request) === digest),
  }))
  const isOfKilled = ({ requests }: Asked) => requests.some(one => !living.has(markOf(one)))
  const large = asked.filter(({ size }) => size >= largeBytes)
  t.ok(large.length > 0, 'there are large ones')
  const byMany = large.filter(one => !isOfKilled(one) && isAskedByMany(one))
  t.strictSame(byMany, [], 'no node fetched what another one had, or was at')
  const lost = sum(asked.filter(isOfKilled).map(again))
  const all = sum(sizes.values())
  const sent = world.uplink.bytesSent('blob')
  t.comment(`${sent} bytes sent for ${all} in ${sizes.size} blobs; the crash lost ${lost}`)
  t.ok(sent <= (all + lost) * 1.05, `${(sent / (all + lost)).toFixed(3)} of what there is`)
}

/** Not where the first was cut off, and another went on. */
function isAskedByMany({ requests }: Asked): boolean {
  const isCut = requests.some(({ isAborted }) => isAborted)
  return !isCut && new Set(requests.map(markOf)).size > 1
}

/** Bytes of a blob that were sent more than once. */
const again = ({ size, requests }: Asked): number =>
  Math.min(Math.max(sum(requests.map(({ bytes }) => bytes)) - size, 0), size)

const sum = (sizes: Iterable<number>): number => [...sizes].reduce((all, size) => all + size, 0)

t.test('warm jobs of three nodes', async t => {
  const scene = await setScene(t, { keep: { repairAfter: '4s' } })
  const { world } = scene
  const { uplink } = world
  const many = await pushImages(world, 'warm', 30)
  const few = await pushImages(world, 'late', 9)
  const places = await scene.places('n1', 'n2', 'n3')
  const nodes = await scene.startAll(...places.map(place => [place] as [typeof place]))
  const [n2, n3] = [at(nodes, 1), at(nodes, 2)]
  let n1 = at(nodes, 0)

  await t.test('thirty images come once, through a crash and an outage', async t => {
    const { images, sizes } = many
    const slow = uplink.fault({ do: 'slow', bytesPerSecond: 300_000 }, { kind: 'blob' })
    t.match(await give(n1, 'night', { images }), { images: 30, storedOn: { nodes: 3, members: 3 } })
    const watched = watch(t, n2, 'night')
    const untilSent = (share: number) =>
      until(
        `the registry sent ${share * 100} %`,
        () => uplink.bytesSent('blob') >= share * sum(sizes.values()),
        120_000,
      )
    await untilSent(0.2)
    await n1.stop('SIGKILL')
    // However long it takes: the others are not to be through with it by then.
    const starting = scene.start(at(places, 0), { seeds: [at(places, 1)] })
    await untilSent(0.5)
    await uplink.refuse()
    n1 = await starting
    await until(
      'the nodes wait for the registry',
      () => {
        const { state, waitsFor = '' } = watched.seen.at(-1) ?? {}
        return state === 'waiting' && /^n[123]: /.test(waitsFor)
      },
      120_000,
    )
    // What the killed one asked for last may have come here after its end, but before this.
    const aliveSince = blobsAsked(world).length
    await uplink.accept()
    await until('the job is over', () => watched.seen.at(-1)?.state === 'done', 180_000)
    await watched.end()
    t.ok(slow.hits > 0, 'the registry was slow')
    t.match(await jobOf(n1, 'night'), { state: 'done', done: 90, failed: 0, wanted: 90 })
    eachWasSentOnce(t, world, { sizes, aliveSince })
    const asked = blobsAsked(world).length
    for (const node of [n1, n2, n3]) {
      const pulled = await pull(node.mirror, registryName, 'warm-29', 'v1')
      t.equal(pulled.status, 200)
    }
    t.equal(blobsAsked(world).length, asked, 'nodes serve it out of what they hold')
    slow.heal()
  })

  await t.test('a job that is called off stops on all', async t => {
    const slow = uplink.fault({ do: 'slow', bytesPerSecond: 50_000 }, { kind: 'blob' })
    const before = uplink.bytesSent('blob')
    await give(n1, 'orphan', { images: few.images })
    await until('something comes', () => uplink.bytesSent('blob') > before, 40_000)
    await n1.ask('/api/v1/jobs/orphan?copies=3', { method: 'DELETE' })
    await until('nobody is at it any more', async () => {
      const sent = uplink.bytesSent('blob')
      const { state } = await jobOf(n3, 'orphan')
      await pause(1_000)
      return state === 'cancelled' && uplink.bytesSent('blob') === sent
    })
    const sent = uplink.bytesSent('blob') - before
    t.ok(sent < sum(few.sizes.values()) / 2, `${sent} bytes: most was never fetched`)
    slow.heal()
  })

  await t.test('a job outlives the node that it was given to', async t => {
    const { images } = few
    await give(n1, 'two-each', { images, copies: 2 })
    await n1.stop('SIGKILL')
    await until(
      'the others hold all',
      async () => (await jobOf(n2, 'two-each')).state === 'done',
      120_000,
    )
    const job = await jobOf(n3, 'two-each')
    for (const { name, images: of } of job.nodes.filter(({ name }) => name !== 'n1')) {
      t.equal(of.filter(({ state }) => state === 'done').length, images.length, `${name} has all`)
    }
  })
})
