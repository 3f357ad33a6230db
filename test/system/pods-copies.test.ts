import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { pull } from './support/client.ts'
import { pauseImage, startContainerd } from './support/containerd.ts'
import type { MeshNode } from './support/mesh.ts'
import { at, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { runnable, untilStopped } from './support/runnable.ts'
import { registryName } from './support/world.ts'

requireSystem()

interface Report {
  readonly verdict: string
  readonly items: readonly {
    readonly reference: string
    readonly copies: readonly { readonly held: number; readonly wanted: number }[]
  }[]
}

/** Whether something counts as kept on a node, and all of it is whole there, by its own word. */
async function holdsWhatIsKept(node: MeshNode): Promise<boolean> {
  const text = await node.metrics()
  const count = (state: string) =>
    Number(new RegExp(`^holdfast_kept_images\\{state="${state}"\\} (\\d+)$`, 'm').exec(text)?.[1])
  return count('held') > 0 && count('lacking') === 0
}

t.test('what only one node runs has a second copy, and outlives that node', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-copies-'))
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }))
  const { world, places, startAll } = await setScene(t, { keep: { copies: 2 } })
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage(runnable('pause')))
  const client = await startContainerd('2.1', join(dir, 'containerd'), pause)
  t.teardown(() => client.stop())
  const [p1, p2, p3] = await places('n1', 'n2', 'n3')
  if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')

  const nodes = await startAll(
    [p1, { config: { containerd: { socket: client.socket } } }],
    [p2],
    [p3],
  )
  const [n1, others] = [at(nodes, 0), nodes.slice(1)]
  await client.mirror(registryName, n1.mirror)
  const { digest } = await world.push('web', '1', runnable('web'))
  const web = `${registryName}/web:1`
  await client.pull(web)
  const pod = await client.startPod(web, { command: untilStopped })
  t.teardown(() => pod.stop())

  const beganMs = performance.now()
  await at(others, 0).ask('/api/v1/report?running=true') // n1 looks at its pods now
  const holding: MeshNode[] = []
  await until(
    'another node counts it as kept, and has all of it',
    async () => {
      for (const node of others) if (await holdsWhatIsKept(node)) holding.push(node)
      return holding.length > 0
    },
    40_000,
  )
  t.comment(`a second copy ${Math.round(performance.now() - beganMs)} ms after the pod began`)
  const { verdict, items } = await at(others, 0).ask<Report>('/api/v1/report?running=true')
  t.match(items, [{ reference: web }])
  t.ok((items[0]?.copies[0]?.held ?? 0) >= 2, `${verdict}: it has its copies`)
  t.match(await n1.ask('/api/v1/keeps'), { items: [] }, 'and no pattern says that it is kept')

  await world.uplink.refuse()
  await n1.stop('SIGKILL')
  for (const node of holding) {
    t.match(await pull(node.mirror, registryName, 'web', '1'), { status: 200, digest }, node.name)
  }
})
