import type { Cluster } from './cluster.ts'
import type { ClusterNode } from './node.ts'

/** What the tests look at of a pod. */
export interface PodObject {
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly creationTimestamp: string
  }
  readonly spec: { readonly nodeName: string }
  readonly status: {
    readonly phase: string
    readonly conditions?: readonly { readonly type: string; readonly message?: string }[]
    readonly podIP: string
    readonly containerStatuses?: readonly {
      readonly image: string
      /** With the digest that runs, after an `@`. */
      readonly imageID: string
      readonly restartCount: number
      readonly ready: boolean
      readonly state: { readonly running?: object }
    }[]
  }
}

/** A pod of one container that is bound to a node and asks for its image at each start. */
export interface AlwaysPod {
  readonly name: string
  /** Resolves with the digest that it runs, once it runs, and how long that took from now. */
  started(withinMs: number): Promise<Started>
  /** Has it ended; does not wait for that. */
  remove(): Promise<void>
}

let made = 0

const alwaysPod = (name: string, node: ClusterNode, image: string, batch = 'none') => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { batch } },
  spec: {
    nodeName: node.name,
    terminationGracePeriodSeconds: 0,
    // A node that was away for long does not lose it.
    tolerations: [{ operator: 'Exists' }],
    containers: [{ name: 'main', image, imagePullPolicy: 'Always' }],
  },
})

/** Makes one. */
export async function startAlways(
  cluster: Cluster,
  node: ClusterNode,
  image: string,
): Promise<AlwaysPod> {
  made += 1
  const name = `pod-${made}`
  const beganMs = performance.now()
  await cluster.apply(alwaysPod(name, node, image))
  return {
    name,
    async started(withinMs) {
      const seconds = Math.ceil(withinMs / 1000)
      await cluster
        .kubectl('wait', '--for=condition=Ready', `pod/${name}`, `--timeout=${seconds}s`)
        .catch(async error => {
          throw new Error(await cluster.kubectl('describe', 'pod', name), { cause: error })
        })
      const tookMs = performance.now() - beganMs
      return { digest: digestOfPod(await cluster.get<PodObject>('pod', name)), tookMs }
    },
    async remove() {
      await cluster.kubectl('delete', 'pod', name, '--now', '--wait=false')
    },
  }
}

/** Starts one, and removes it when it runs. */
export async function runAlways(
  cluster: Cluster,
  node: ClusterNode,
  image: string,
  withinMs: number,
): Promise<Started> {
  const pod = await startAlways(cluster, node, image)
  const told = await pod.started(withinMs)
  await pod.remove()
  return told
}

/** What became of a pod. */
export interface Started {
  readonly digest: string
  readonly tookMs: number
}

/**
 * Starts so many of each image at once, node after node in turn. Resolves when all run, with how long that took, in ms; they are gone by
 * then.
 */
export async function runBatch(
  cluster: Cluster,
  images: readonly string[],
  each: number,
  withinMs: number,
): Promise<number> {
  made += 1
  const batch = `batch-${made}`
  const pods = Array.from({ length: images.length * each }, (_, index) => {
    const node = cluster.nodes[index % cluster.nodes.length] as ClusterNode
    const image = images[Math.floor(index / each)] as string
    return alwaysPod(`${batch}-${index}`, node, image, batch)
  })
  const all = ['pods', `--selector=batch=${batch}`]
  const beganMs = performance.now()
  await cluster.apply(...pods)
  await cluster.kubectl('wait', '--for=condition=Ready', ...all, `--timeout=${withinMs / 1000}s`)
  const tookMs = performance.now() - beganMs
  await cluster.kubectl('delete', ...all, '--now', '--wait')
  return tookMs
}

/** Starts pods on every node, one after the other, until it is stopped; resolves then with what became of each. */
export function streamAlways(
  cluster: Cluster,
  nodes: readonly ClusterNode[],
  image: string,
  withinMs: number,
): { stop(): Promise<readonly Started[]> } {
  let isStopped = false
  const started: Started[] = []
  const streams = nodes.map(async node => {
    while (!isStopped) started.push(await runAlways(cluster, node, image, withinMs))
  })
  const all = Promise.all(streams)
  all.catch(() => {})
  return {
    async stop() {
      isStopped = true
      await all
      return started
    },
  }
}

/** The digest that the first container of a pod runs. */
export const digestOfPod = ({ status }: PodObject): string =>
  status.containerStatuses?.[0]?.imageID.split('@')[1] ?? ''
