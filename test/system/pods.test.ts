import { mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { pull } from './support/client.ts'
import { type Containerd, pauseImage, startContainerd } from './support/containerd.ts'
import { askTag, at, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'
import { runnable, untilStopped } from './support/runnable.ts'
import { registryName } from './support/world.ts'

requireSystem()

/** Weight that fills a store of `quotaBytes`. */
const heavy = (salt: string) => ({ salt, platforms: ['linux/amd64'], layers: [3_000_000] })
const quotaBytes = 12_000_000

interface Report {
  readonly verdict: string
  readonly pods: readonly { readonly name: string; readonly state: string }[]
  readonly items: readonly { readonly reference: string; readonly verdict: string }[]
}
interface Why {
  readonly nodes: readonly {
    readonly node: string
    readonly containers: readonly {
      readonly pod: string
      readonly running: boolean
      readonly digest?: string
      readonly images: readonly {
        readonly reference: string
        readonly answered?: { readonly digest?: string; readonly source: string; saidBy?: string }
        readonly now: { readonly digest?: string }
      }[]
    }[]
  }[]
}
interface Strays {
  readonly heldOtherwise: readonly { readonly node: string; readonly digest: string }[]
}
interface Status {
  readonly pods: { readonly state: string; readonly running: number; readonly failure?: string }
}

t.test('what pods run is kept, reported on and explained, on every containerd', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-pods-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { world, places, start, startAll } = await setScene(t, {
    store: { quotaBytes, minFreeBytes: '1MiB' },
    keep: { copies: 1 },
  })
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage(runnable('pause')))
  const clients: Containerd[] = []
  for (const version of containerdVersions) {
    const client = await startContainerd(version, join(dir, version), pause)
    clients.push(client)
    t.teardown(() => client.stop())
  }
  const all = await places(...clients.map(({ version }) => `with-${version}`))
  const configOf = (index: number) => ({ containerd: { socket: at(clients, index).socket } })
  const nodes = await startAll(
    ...all.map((place, index): Parameters<typeof start> => [place, { config: configOf(index) }]),
  )

  const image = await world.push('web', '1', runnable('web'))
  const web = `${registryName}/web:1`
  for (const [index, client] of clients.entries()) {
    await client.mirror(registryName, at(nodes, index).mirror)
    await client.pull(web)
    const pod = await client.startPod(web, { command: untilStopped })
    t.teardown(() => pod.stop())
  }

  const running = () => at(nodes, 0).ask<Report>('/api/v1/report?running=true')
  await until('all run it, and hold it', async () => {
    const { verdict, pods } = await running()
    return verdict === 'ready' && pods.every(({ state }) => state === 'seen')
  })
  t.match(await running(), { items: [{ reference: web, verdict: 'ready' }], pods: { length: 3 } })

  const subject = encodeURIComponent(web)
  const why = await at(nodes, 0).ask<Why>(`/api/v1/why?subject=${subject}`)
  for (const [index, { version }] of clients.entries()) {
    const told = why.nodes.find(({ node }) => node === at(nodes, index).name)
    const [container] = told?.containers ?? []
    t.match(container, { running: true, digest: image.digest }, version)
    t.match(container?.images, [{ reference: web, now: { digest: image.digest } }], version)
    t.match(container?.images[0]?.answered, { digest: image.digest, saidBy: String }, version)
    const byPod = await at(nodes, index).ask<Why>(
      `/api/v1/nodes/self/why?subject=default/${container?.pod}`,
    )
    t.match(byPod, { isPod: true, containers: [{ digest: image.digest }] }, version)
  }

  await world.push('web', '1', runnable('web, next'))
  const { digest: next } = await askTag(at(nodes, 0), 'web', '1')
  t.not(next, image.digest, 'the tag moved')
  const moved = await at(nodes, 0).ask<Why>(`/api/v1/nodes/self/why?subject=${subject}`)
  t.match(moved, {
    containers: [
      {
        digest: image.digest,
        images: [{ answered: { digest: image.digest }, now: { digest: next } }],
      },
    ],
  })
  const pinned = await at(nodes, 0).ask(`/api/v1/pins/${subject}`, {
    method: 'PUT',
    body: { to: next, allowIncomplete: true },
  })
  const strays = (pinned as Strays).heldOtherwise.map(({ node, digest }) => `${node} ${digest}`)
  const expected = nodes.map(({ name }) => `${name} ${image.digest}`)
  t.strictSame(strays.toSorted(), expected.toSorted(), 'a pin does nothing for what is there')
  t.match(await at(nodes, 1).ask(`/api/v1/pins/${subject}`), { heldOtherwise: { length: 3 } })
  await at(nodes, 0).ask(`/api/v1/pins/${subject}`, { method: 'DELETE' })

  // The power goes, and comes back to Holdfast before it does to containerd.
  await at(nodes, 0).stop('SIGKILL')
  await rename(at(clients, 0).socket, `${at(clients, 0).socket}.away`)
  const again = await start(at(all, 0), { seeds: [at(all, 1)], config: configOf(0) })
  await until('containerd is missed', async () => {
    const { pods } = await again.ask<Status>('/api/v1/status')
    return pods.state === 'unseen' && pods.running === 1
  })
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
  for (const name of names) {
    await world.push(name, '1', heavy(name))
    await pull(again.mirror, registryName, name, '1')
  }
  await world.uplink.refuse()
  for (const { stop } of nodes.slice(1)) await stop('SIGKILL')
  const first = await pull(again.mirror, registryName, 'a', '1').catch(() => ({ status: 404 }))
  t.equal(first.status, 404, 'what nobody runs made room')
  const own = await pull(again.mirror, registryName, 'web', image.digest)
  t.equal(own.status, 200, 'what ran when the power went is there')
  const tagged = await pull(again.mirror, registryName, 'web', '1')
  t.equal(tagged.status, 200, 'no tag is promised on those that are gone')
  await rename(`${at(clients, 0).socket}.away`, at(clients, 0).socket)
  t.match(await again.ask<Report>('/api/v1/report?running=true'), {
    items: [{ reference: web }],
    pods: [{ state: 'seen' }, {}, {}],
  })
})
