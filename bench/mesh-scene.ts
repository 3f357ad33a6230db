import { readFile } from 'node:fs/promises'
import { type MeshNode, makeMesh, untilMet } from '../test/system/support/mesh.ts'
import type { Figure } from './figure.ts'
import { own, registryName, type Scene } from './scene.ts'

/** Started at once: more would only wait for a processor. */
const startedAtOnce = 4

/** Starts whole nodes on loopback that share a secret and the upstream; settles when each knows all others. */
export async function startMeshOf(
  scene: Scene,
  name: string,
  count: number,
  configOf: (index: number) => Readonly<Record<string, unknown>>,
): Promise<readonly MeshNode[]> {
  const mesh = await makeMesh(`${scene.dir}/${name}`, { log: { level: 'warn' } })
  const names = Array.from({ length: count }, (_, i) => `n${i}`)
  const places = await Promise.all(names.map(name => mesh.place(name)))
  const nodes: MeshNode[] = []
  for (let from = 0; from < count; from += startedAtOnce) {
    const group = places.slice(from, from + startedAtOnce).map(async (place, i) => {
      const seeds = places.slice(0, 3).filter(seed => seed !== place)
      return own(
        scene,
        await startOnFreePorts(() => mesh.start(place, { seeds, config: configOf(from + i) })),
      )
    })
    nodes.push(...(await Promise.all(group)))
  }
  await untilMet(nodes, 60_000)
  return nodes
}

/** A port that was free a moment ago may be another's by now. */
async function startOnFreePorts(start: () => Promise<MeshNode>): Promise<MeshNode> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await start()
    } catch (error) {
      if (tries === 4 || !/in use by another process/.test(String(error))) throw error
    }
  }
}

/** Kills them all and waits for it. */
export async function stopAll(nodes: readonly MeshNode[]): Promise<void> {
  await Promise.all(nodes.map(node => node.stop('SIGKILL')))
}

/** Settings of a node that knows the upstream. */
export const knowing = (url: string): Readonly<Record<string, unknown>> => ({
  upstreams: { [registryName]: { url } },
})

/** What a process has used so far, ms; Linux counts in hundredths of a second. */
export async function cpuMsOf(pid: number): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** The machine's load while it was measured, which explains times that are too long. */
export async function loadFigure(what: string): Promise<Figure> {
  const [one = ''] = (await readFile('/proc/loadavg', 'utf8')).split(' ')
  return {
    what: `${what}: processes that wanted a core, mean of a minute`,
    value: Number(one),
    unit: 'times',
  }
}
