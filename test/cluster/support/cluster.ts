import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { Test } from 'tap'
import { makeImage } from '../../support/image.ts'
import { writeArchive } from '../../system/support/archive.ts'
import { run, succeeds, until } from '../../system/support/process.ts'
import { type ContainerdVersion, chartTools } from '../../system/support/requirements.ts'
import { runnable } from '../../system/support/runnable.ts'
import { registryName } from '../../system/support/world.ts'
import { apiServerPort, startControlPlane } from './control-plane.ts'
import { layClusterNetwork } from './network.ts'
import { type ClusterNode, nodeName, startClusterNode } from './node.ts'
import { certsDir, type ProxyMode, pauseImage, proxyModes } from './node-config.ts'
import { makePki } from './pki.ts'
import { labTools } from './requirements.ts'
import { type ClusterUpstream, startClusterUpstream } from './upstream.ts'

/** A real Kubernetes with a registry. */
export interface Cluster {
  /** A folder for the test's own. */
  readonly dir: string
  readonly nodes: readonly ClusterNode[]
  readonly upstream: ClusterUpstream
  kubectl(...words: readonly string[]): Promise<string>
  helm(...words: readonly string[]): Promise<string>
  /** Runs what an operator copies into a shell, which finds `kubectl`; what it printed. */
  shell(script: string): Promise<string>
  /** Objects as the API server has them. */
  get<T>(...words: readonly string[]): Promise<T>
  apply(...objects: readonly object[]): Promise<void>
  /** Has the API server judge objects as it would when they were applied; what it would make of each. */
  dryRun(...objects: readonly object[]): Promise<string>
  /** The API server hears nothing of a node any more, which goes on; the result ends that. */
  cutOff(node: ClusterNode): Promise<() => Promise<void>>
  /** Adds one, which is ready when this resolves. */
  addNode(containerd: ContainerdVersion): Promise<ClusterNode>
}

/** What a cluster is made of. */
export interface ClusterOptions {
  /** The containerd of each node. */
  readonly nodes?: readonly ContainerdVersion[]
}

/** As many as a network has room for. */
const names = [1, 2, 3, 4].map(nodeName)

/**
 * Has a node's containerd ask `mirror` before the registry at `url`. What nodes do without Holdfast is to ask the registry itself, which is
 * what they do without `mirror`.
 */
export async function pointAt(node: ClusterNode, url: string, mirror = url): Promise<void> {
  const folder = node.path(join(certsDir, registryName))
  await mkdir(folder, { recursive: true })
  const hosts = `server = "${url}"\n\n[host."${mirror}"]\n  capabilities = ["pull", "resolve"]\n`
  await writeFile(join(folder, 'hosts.toml'), hosts)
}

/** Starts a cluster that ends with the test. Resolves when its nodes are ready. */
export async function startCluster(
  t: Pick<Test, 'teardown'>,
  { nodes: versions = ['2.1', '1.7'] }: ClusterOptions = {},
): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-cluster-'))
  const ends = new AsyncDisposableStack()
  t.teardown(() => ends.disposeAsync())
  ends.defer(() => rm(dir, { recursive: true, maxRetries: 5 }))
  const network = await layClusterNetwork()
  ends.defer(() => network.close())
  const { hub } = network
  const pki = await makePki(join(dir, 'pki'), hub.address, names)
  const control = await startControlPlane(dir, hub, pki)
  ends.defer(() => control.stop())
  const upstream = await startClusterUpstream(dir, network)
  ends.defer(() => upstream.close())
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage(runnable('pause')))

  const access = await pki.kubeconfig('admin', `https://127.0.0.1:${apiServerPort}`)
  const path = `${dirname(labTools.kubectl)}:${process.env['PATH']}`
  const home = { ...process.env, PATH: path, KUBECONFIG: access, HOME: dir }
  const inHub = (...words: readonly string[]) => {
    const [command = '', ...args] = [...hub.within, ...words]
    return run(command, args, { env: home, timeoutMs: 300_000 })
  }
  const nodes: ClusterNode[] = []
  const kubectl = (...words: readonly string[]) => inHub(labTools.kubectl, ...words)
  ends.defer(() => removeControlGroups(dir))
  const apply = async (items: readonly object[], ...how: readonly string[]) => {
    const file = join(dir, `applied-${performance.now()}.json`)
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
    return kubectl('apply', '--filename', file, ...how)
  }

  const cluster: Cluster = {
    dir,
    nodes,
    upstream,
    kubectl,
    helm: (...words) => inHub(chartTools.helm, ...words),
    shell: script => inHub('sh', '-ec', script),
    get: async <T>(...words: readonly string[]) =>
      JSON.parse(await kubectl('get', ...words, '--output=json')) as T,
    apply: async (...items) => void (await apply(items)),
    dryRun: (...items) => apply(items, '--dry-run=server'),
    async cutOff({ address }) {
      await network.drop(apiServerPort, address)
      return async () => {
        if ((await network.undrop(apiServerPort, address)) === 0)
          throw new Error('nothing was cut off')
      }
    },
    async addNode(containerd) {
      const index = nodes.length + 1
      const place = await network.plug(index)
      // In turn: what is seen on two nodes is seen in both modes.
      const proxyMode = proxyModes[nodes.length % proxyModes.length] as ProxyMode
      const parts = { index, containerd, proxyMode, place, hub, pki }
      const node = await startClusterNode(join(dir, nodeName(index)), parts)
      ends.defer(() => node.powerOff())
      nodes.push(node)
      await pointAt(node, upstream.url)
      await node.ctr('images', 'import', '--all-platforms', pause)
      await untilReady(cluster, node)
      return node
    },
  }
  for (const version of versions) await cluster.addNode(version)
  await until('pods may be made', () => succeeds(kubectl('get', 'serviceaccount', 'default')))
  return cluster
}

/** Resolves when the API server calls a node ready. */
export async function untilReady({ kubectl }: Cluster, node: ClusterNode): Promise<void> {
  const isReady = () =>
    succeeds(kubectl('wait', '--for=condition=Ready', `node/${node.name}`, '--timeout=5s'))
  await until(`${node.name} is ready`, isReady, 120_000).catch(async error => {
    throw new Error(await node.log('kubelet'), { cause: error })
  })
}

/** What the kubelets of ended nodes left. */
async function removeControlGroups(dir: string): Promise<void> {
  const script = `for tree in /sys/fs/cgroup/${basename(dir)} /sys/fs/cgroup/*/${basename(dir)}; do
    [ ! -d "$tree" ] || find "$tree" -depth -type d -exec rmdir {} +
  done`
  await until('control groups are empty', () => succeeds(run('sh', ['-ec', script])))
}
