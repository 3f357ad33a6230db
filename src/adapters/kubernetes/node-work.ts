import * as k8s from '@kubernetes/client-node'
import { inPlainWords, loadKubeConfig, readPages, until } from './kubernetes-client.ts'

/** How far a DaemonSet whose pods do one thing and end is on one node. */
export interface NodeWork {
  readonly node: string
  /** The node is there: what is to be done on it can be. */
  readonly isReady: boolean
  readonly isDone: boolean
  /** It failed, or cannot start: what is tried again may still come right. */
  readonly isStuck: boolean
  /** Of what is not done: what Kubernetes says of it. */
  readonly state: string | undefined
}

/** Looks at the pods of a DaemonSet, node by node. Rejects when it cannot be asked. */
export type LookAtNodes = (signal: AbortSignal) => Promise<readonly NodeWork[]>

/**
 * Opens the API for this. Every node that the DaemonSet is for is told of, whether it has a pod or not: until its controller has made all pods
 * those that its labels select, and then no ready one that taints or affinity keep it from. Throws when this is no pod and there is no
 * kubeconfig.
 */
export function openNodeWork(place: {
  readonly namespace: string
  readonly daemonSet: string
  readonly kubeconfig: string | undefined
}): LookAtNodes {
  const config = loadKubeConfig(place.kubeconfig)
  const core = config.makeApiClient(k8s.CoreV1Api)
  const apps = config.makeApiClient(k8s.AppsV1Api)
  const { namespace, daemonSet: name } = place

  return signal => inPlainWords(look(signal))

  async function look(signal: AbortSignal): Promise<readonly NodeWork[]> {
    const set = await apps.readNamespacedDaemonSet({ name, namespace }, until(signal))
    const { spec } = set
    const nodes = await readPages(next => {
      const labelSelector = toSelector(spec?.template.spec?.nodeSelector)
      return core.listNode({ ...labelSelector, ...next }, until(signal))
    })
    const labelled = await readPages(next => {
      const labelSelector = toSelector(spec?.selector.matchLabels)
      return core.listNamespacedPod({ namespace, ...labelSelector, ...next }, until(signal))
    })
    // One of the same name that was deleted just now may have pods left, with the same labels.
    const pods = labelled.filter(pod => isOwnedBy(pod, set))
    const made = new Set(pods.flatMap(pod => nodeOf(pod) ?? []))
    const count = nodes.filter(({ metadata }) => made.has(metadata?.name ?? '')).length
    const areAllMade = hasMade(set, count)
    return nodes
      .map(node => workOn(node, pods))
      .filter(({ node, isReady }) => !areAllMade || !isReady || made.has(node))
  }
}

function toSelector(labels: Readonly<Record<string, string>> | undefined) {
  const pairs = Object.entries(labels ?? {}).map(([label, value]) => `${label}=${value}`)
  return pairs.length === 0 ? {} : { labelSelector: pairs.join(',') }
}

const isOwnedBy = ({ metadata }: k8s.V1Pod, set: k8s.V1DaemonSet): boolean =>
  metadata?.ownerReferences?.some(({ uid }) => uid === set.metadata?.uid) ?? false

/** Whether the controller has seen the DaemonSet, and made pods for so many nodes as it wants. */
const hasMade = ({ metadata, status }: k8s.V1DaemonSet, count: number): boolean =>
  (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 1) &&
  count >= (status?.desiredNumberScheduled ?? Number.POSITIVE_INFINITY)

/** The node that a pod of a DaemonSet is on or, before the scheduler has seen it, is made for. */
function nodeOf({ spec }: k8s.V1Pod): string | undefined {
  const { requiredDuringSchedulingIgnoredDuringExecution: wanted } =
    spec?.affinity?.nodeAffinity ?? {}
  const fields = wanted?.nodeSelectorTerms.flatMap(({ matchFields = [] }) => matchFields) ?? []
  return spec?.nodeName ?? fields.find(({ key }) => key === 'metadata.name')?.values?.[0]
}

function workOn({ metadata, status }: k8s.V1Node, pods: readonly k8s.V1Pod[]): NodeWork {
  const node = metadata?.name ?? ''
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const own = pods.filter(pod => nodeOf(pod) === node)
  const containers = own.flatMap(pod => pod.status?.containerStatuses ?? [])
  const isReady = ready?.status === 'True'
  const isDone = containers.length > 0 && containers.every(hasEndedWell)
  const state = own.length === 0 ? 'has no pod yet' : tellState(isReady, own, containers)
  const isStuck = containers.some(one => !hasEndedWell(one) && isInTrouble(one))
  return { node, isReady, isDone, isStuck, state: isDone ? undefined : state }
}

/** What the kubelet says of a container that it is about to start. */
const starting: readonly (string | undefined)[] = ['ContainerCreating', 'PodInitializing']

function isInTrouble({ state, lastState }: k8s.V1ContainerStatus): boolean {
  const { waiting, terminated = lastState?.terminated } = state ?? {}
  return terminated !== undefined || (waiting !== undefined && !starting.includes(waiting.reason))
}

/** The kubelet starts it again once it has ended: what it ended with before counts as well. */
const hasEndedWell = ({ state, lastState }: k8s.V1ContainerStatus): boolean =>
  state?.terminated?.exitCode === 0 || lastState?.terminated?.exitCode === 0

function tellState(
  isReady: boolean,
  pods: readonly k8s.V1Pod[],
  containers: readonly k8s.V1ContainerStatus[],
): string {
  const said = containers.flatMap(({ state, lastState }) => {
    const { terminated = lastState?.terminated, waiting } = state ?? {}
    const why = terminated?.message?.trim() || waiting?.message || waiting?.reason
    return why === undefined ? [] : [why]
  })
  const unscheduled = pods
    .flatMap(pod => pod.status?.conditions ?? [])
    .find(({ type, status }) => type === 'PodScheduled' && status === 'False')
  return said.join('; ') || unscheduled?.message || (isReady ? 'is at it' : 'is not ready')
}
