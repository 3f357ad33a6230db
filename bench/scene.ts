import { type HoldfastNode, startNode } from '../test/system/support/holdfast.ts'
import { until } from '../test/system/support/process.ts'
import type { Figure } from './figure.ts'

/** What a bench is given. */
export interface Scene {
  /** An empty folder of its own. */
  readonly dir: string
  /** Whatever it starts, it hands over here to be stopped. */
  readonly owned: AsyncDisposableStack
  /** Tells how far it is. */
  readonly say: (text: string) => void
}

/** Measures one thing, ours and the peer's in the same run. */
export type Bench = (scene: Scene) => Promise<readonly Figure[]>

/** The registry's name, as pods write it. */
export const registryName = 'registry.bench'

/** Bytes of the large blob. */
export const blobBytes = 200_000_000

/** What every client sends; a registry of Docker's answers 404 to who does not accept the manifest's type. */
export const acceptHeaders = {
  accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json',
} as const

/** Path of a manifest or blob, as containerd asks the mirror for it. */
export const mirrorPath = (repository: string, kind: 'manifests' | 'blobs', item: string): string =>
  `/v2/${repository}/${kind}/${item}?ns=${registryName}`

/** Hands something that stops to the scene. */
export function own<T extends { stop(): Promise<unknown> }>({ owned }: Scene, one: T): T {
  owned.defer(async () => {
    await one.stop()
  })
  return one
}

/**
 * Starts a node that knows one upstream. It logs as little as the peers do; its errors go where the bench's own go.
 */
export async function startBenchNode(
  scene: Scene,
  name: string,
  upstream: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<HoldfastNode> {
  const node = await startNode({
    dir: `${scene.dir}/${name}`,
    reach: 'elsewhere',
    config: {
      upstreams: { [registryName]: { url: upstream } },
      log: { level: 'warn' },
      ...config,
    },
  })
  own(scene, node)
  await until('the mirror answers', async () => {
    const answer = await fetch(`${node.mirror}/v2/`).catch(() => undefined)
    return answer?.status === 200
  })
  return node
}
