import { parseAllDocuments } from 'yaml'
import { chartDirectory, type KubernetesObject } from '../../system/support/chart.ts'
import { until } from '../../system/support/process.ts'
import { registryName } from '../../system/support/world.ts'
import type { Cluster } from './cluster.ts'
import type { PodObject } from './cluster-pods.ts'
import type { ClusterNode } from './node.ts'

/** The chart, installed. */
export interface Release {
  /** The pod of Holdfast on a node. */
  podOn(node: ClusterNode): Promise<PodObject>
  /** Runs `holdfast` on a node. */
  holdfast(node: ClusterNode, ...words: readonly string[]): Promise<string>
  /** What the other nodes know a node by. */
  idOf(node: ClusterNode): Promise<string>
  /** `holdfast report` on a node, whatever its verdict. */
  report(node: ClusterNode, ...words: readonly string[]): Promise<OfflineReport>
  /** Deletes the pod of a node at once; resolves when the next one runs, which is before it is ready. */
  replacePod(node: ClusterNode): Promise<void>
  upgrade(values: Readonly<Record<string, unknown>>): Promise<void>
  /** The same while other nodes are off: resolves when the pods on these are new ones, and ready. */
  upgradeOn(nodes: readonly ClusterNode[], values: Readonly<Record<string, unknown>>): Promise<void>
}

/** What the tests look at of it. */
export interface OfflineReport {
  readonly items: readonly {
    readonly reference: string
    readonly copies: readonly { readonly held: number; readonly wanted: number }[]
  }[]
}

const namespace = 'ship'
const name = 'holdfast'
const inNamespace: readonly string[] = ['--namespace', namespace]
const selector = `--selector=app.kubernetes.io/component=mirror`

/** Gives every node an archive of the image, as for a cluster that was never online. */
export async function importImage(nodes: readonly ClusterNode[], archive: string): Promise<void> {
  for (const node of nodes) await node.ctr('images', 'import', '--all-platforms', archive)
}

const set = (values: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.entries(values).flatMap(([key, value]) => [
    '--set-json',
    `${key}=${JSON.stringify(value)}`,
  ])

/** Installs the chart with its defaults but for the registry and `values`; resolves when it is ready on every node. */
export async function installRelease(
  cluster: Cluster,
  values: Readonly<Record<string, unknown>> = {},
): Promise<Release> {
  const { upstream, helm, kubectl, get } = cluster
  const config = { 'config.upstreams': { [registryName]: { url: upstream.url } } }
  const waiting = ['--wait', '--timeout', '120s']
  const named = [name, chartDirectory, ...inNamespace]
  const given = [...named, ...waiting]
  const all = set({ ...config, ...values })
  await helm('install', ...given, '--create-namespace', ...all)
    .then(() => untilRolledOut(cluster))
    .catch(async error => {
      const seen = await kubectl('describe', 'pods', ...inNamespace)
      const log = await kubectl('logs', ...inNamespace, selector, '--all-containers').catch(String)
      throw new Error(`${seen}\n${log}`, { cause: error })
    })
  const release: Release = {
    async podOn(node) {
      const onNode = `--field-selector=spec.nodeName=${node.name}`
      const { items } = await get<{ items: PodObject[] }>('pods', ...inNamespace, selector, onNode)
      const [pod, ...others] = items
      if (pod === undefined || others.length > 0) throw new Error(`${items.length} on ${node.name}`)
      return pod
    },
    async holdfast(node, ...words) {
      const { metadata } = await release.podOn(node)
      const within = [metadata.name, '--container', 'holdfast', '--', 'holdfast']
      return kubectl('exec', ...inNamespace, ...within, ...words)
    },
    async idOf(node) {
      const status = JSON.parse(await release.holdfast(node, 'mesh', 'status', '--output', 'json'))
      return status.self.id
    },
    async report(node, ...words) {
      // It ends with a code of its own where all is not ready.
      const told = await release
        .holdfast(node, 'report', '--output', 'json', ...words)
        .catch(error => /\{.*\}/s.exec(String(error))?.[0] ?? Promise.reject(error))
      return JSON.parse(told)
    },
    async replacePod(node) {
      const { metadata } = await release.podOn(node)
      const now = ['--grace-period=0', '--force']
      await kubectl('delete', 'pod', metadata.name, ...inNamespace, ...now)
      const isReplaced = async () => {
        const next = await release.podOn(node).catch(() => undefined)
        const [container] = next?.status.containerStatuses ?? []
        return next?.metadata.uid !== metadata.uid && container?.state.running !== undefined
      }
      await until(`${node.name} has another pod`, isReplaced, 120_000)
    },
    async upgrade(values) {
      await helm('upgrade', ...given, '--reuse-values', ...set(values))
      await untilRolledOut(cluster)
    },
    async upgradeOn(on, values) {
      const before = await Promise.all(on.map(release.podOn))
      await helm('upgrade', ...named, '--reuse-values', ...set(values))
      for (const [index, node] of on.entries()) {
        await until(`${node.name} has a new pod`, async () => {
          const pod = await release.podOn(node).catch(() => undefined)
          const isNew = pod?.metadata.uid !== before[index]?.metadata.uid
          return isNew && pod?.status.containerStatuses?.[0]?.ready === true
        })
      }
    },
  }
  return release
}

/** Tests it by the chart's own test; what that printed. */
export const testRelease = ({ helm }: Cluster): Promise<string> =>
  helm('test', name, ...inNamespace, '--timeout', '180s')

/** Runs a CronJob of it now; resolves with its log once it has succeeded. */
export async function runCronJob({ kubectl }: Cluster, cronJob: string): Promise<string> {
  const job = `job/${cronJob}-now`
  await kubectl('create', 'job', `${cronJob}-now`, `--from=cronjob/${cronJob}`, ...inNamespace)
  const done = kubectl('wait', '--for=condition=Complete', job, ...inNamespace, '--timeout=180s')
  const log = () => kubectl('logs', job, ...inNamespace)
  await done.catch(async cause => Promise.reject(new Error(await log(), { cause })))
  return log()
}

export async function rollbackRelease(cluster: Cluster, revision: number): Promise<void> {
  const to = [name, `${revision}`, ...inNamespace]
  await cluster.helm('rollback', ...to, '--wait', '--timeout', '120s')
  await untilRolledOut(cluster)
}

/** Resolves when every node has its pod, ready and of the newest kind: helm waits for all but `maxUnavailable` of them. */
export const untilRolledOut = ({ kubectl }: Cluster): Promise<string> =>
  kubectl('rollout', 'status', `daemonset/${name}`, ...inNamespace, '--timeout=120s')

/** Phases of the pods of the mirror, and why they are not on a node. */
export async function mirrorsWaiting({ get }: Cluster): Promise<readonly string[]> {
  const { items } = await get<{ items: PodObject[] }>('pods', ...inNamespace, selector)
  return items.map(({ status: { phase, conditions = [] } }) => {
    const scheduled = conditions.find(({ type }) => type === 'PodScheduled')
    return `${phase}: ${scheduled?.message ?? ''}`
  })
}

export const uninstallRelease = ({ helm }: Cluster): Promise<string> =>
  helm('uninstall', name, ...inNamespace, '--wait', '--timeout', '270s')

/** Leaves what an uninstall does that is cut short in its last step; resolves, when its pods run, with what takes it away. */
export async function leaveUninstall(cluster: Cluster): Promise<() => Promise<string>> {
  const { helm, kubectl, apply, nodes } = cluster
  const only = ['--show-only', 'templates/uninstall.yaml', '--set=uninstall.hooks=always']
  const text = await helm('template', name, chartDirectory, ...inNamespace, ...only)
  const objects = parseAllDocuments(text).map(document => document.toJS() as KubernetesObject)
  const work = objects.find(({ kind, metadata }) => isCleaning(kind, metadata.name))
  const account = objects.find(({ kind }) => kind === 'ServiceAccount')
  if (work === undefined || account === undefined) throw new Error(text)
  await apply(account, work)
  const ended = '-o=jsonpath={.items[*].status.containerStatuses[0].restartCount}'
  const component = '--selector=app.kubernetes.io/component=clean'
  await until('it has been at every node', async () => {
    const counts = (await kubectl('get', 'pods', ...inNamespace, component, ended)).trim()
    return counts.split(' ').filter(count => Number(count) > 0).length === nodes.length
  })
  return () => kubectl('delete', 'daemonset', work.metadata.name, ...inNamespace)
}

const isCleaning = (kind: string, name: string): boolean =>
  kind === 'DaemonSet' && name.endsWith('-clean')

/** Where a pod tells its metrics. */
export const healthPort = 5054
