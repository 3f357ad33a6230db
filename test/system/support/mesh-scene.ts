import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { type Answer, ask } from './client.ts'
import { type Lan, layLan } from './lan.ts'
import { type MeshNode, type MeshPlace, makeMesh, type TestMesh, untilMet } from './mesh.ts'
import { until } from './process.ts'
import { clientsWait, registryName, startWorld, type World } from './world.ts'

/** A world and the nodes of a mesh in it; all of it ends with the test. */
export interface Scene {
  readonly world: World
  readonly mesh: TestMesh
  /** Starts a node that is killed when the test ends. */
  start(...args: Parameters<TestMesh['start']>): Promise<MeshNode>
  /** Starts nodes at once, the first of them the seed of the others, and waits until they have met. */
  startAll(...args: Parameters<TestMesh['start']>[]): Promise<MeshNode[]>
  places(...names: readonly string[]): Promise<MeshPlace[]>
}

/** So long clients wait for the registry: no machine is so busy that one that answers is late. */
const patient = clientsWait(5_000)

/** Sets a scene on loopback. `config` is every node's. */
export async function setScene(
  t: Test,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Scene> {
  const world = await startWorld()
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-mesh-'))
  const nodes: MeshNode[] = []
  t.teardown(async () => {
    await Promise.all(nodes.map(node => node.stop('SIGKILL')))
    await world.close()
    await rm(dir, { recursive: true, force: true, maxRetries: 5 })
  })
  const mesh = await makeMesh(dir, { ...world.config, ...patient, ...config })
  const scene: Scene = {
    world,
    mesh,
    async start(place, options) {
      const node = await mesh.start(place, options)
      nodes.push(node)
      return node
    },
    async startAll(...all) {
      const [first] = all
      const seeds = first === undefined ? [] : [first[0]]
      const started = await Promise.all(
        all.map(([place, options]) =>
          scene.start(place, { ...(place !== seeds[0] && { seeds }), ...options }),
        ),
      )
      await untilMet(started)
      return started
    },
    places: (...names) => Promise.all(names.map(name => mesh.place(name))),
  }
  return scene
}

/** Network namespaces that are taken down when the test ends. */
export async function setLan(t: Test, count: number): Promise<Lan> {
  const lan = await layLan(count)
  t.teardown(() => lan.close())
  return lan
}

/** What a node says of a tag. */
export interface Told {
  readonly status: number
  readonly digest: string
  readonly source: string
  readonly ageSeconds: number
  readonly tookMs: number
}

/** Asks for a tag as containerd does first. */
export async function askTag(node: MeshNode, repository: string, tag = 'latest'): Promise<Told> {
  const path = `/v2/${repository}/manifests/${tag}?ns=${registryName}`
  const answer: Answer = await ask(`${node.mirror}${path}`, { method: 'HEAD' })
  const { headers, status, tookMs } = answer
  return {
    status,
    digest: String(headers['docker-content-digest'] ?? ''),
    source: String(headers['holdfast-source'] ?? ''),
    ageSeconds: Number(headers['age'] ?? 0),
    tookMs,
  }
}

/** Waits until every one of the nodes answers the tag with this digest. */
export async function untilAllSay(
  nodes: readonly MeshNode[],
  repository: string,
  digest: string,
): Promise<void> {
  for (const node of nodes) {
    await until(
      `${node.name} says ${digest} of ${repository}`,
      async () => (await askTag(node, repository)).digest === digest,
      90_000,
    )
  }
}

/** A node's members, by name, that are in a state. */
export async function namesOf(node: MeshNode, state: string): Promise<string[]> {
  const { members } = await node.peers()
  return members.filter(member => member.state === state).map(member => member.name)
}

/** One of a list; throws where there is none. */
export function at<T>(list: readonly T[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new Error(`there is no ${index} in ${list.length}`)
  return found
}
