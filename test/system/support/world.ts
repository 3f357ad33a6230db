import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ImageOptions, TestImage } from '../../support/image.ts'
import { makeImage } from '../../support/image.ts'
import { type ScriptedRegistry, startRegistry } from '../../support/registry.ts'
import { type DockerRegistry, startDockerRegistry } from './docker-registry.ts'
import { type HoldfastNode, type NodeOptions, startNode } from './holdfast.ts'

/** The registry's name, as pods write it. */
export const registryName = 'registry.lab'

/** A real docker-registry, a network before it that fails on command, and a place for nodes. */
export interface World {
  readonly dir: string
  readonly origin: DockerRegistry
  /** Stands before the origin: what nodes see of it. */
  readonly uplink: ScriptedRegistry
  /** Settings of a node that knows the registry. */
  readonly config: Readonly<Record<string, unknown>>
  node(options?: Partial<NodeOptions>): Promise<HoldfastNode>
  /** Makes an image, pushes it, and tags it. */
  push(repository: string, tag: string, options?: ImageOptions): Promise<TestImage>
  close(): Promise<void>
}

/** Settings of a node whose registry was never there: a port that nobody takes meanwhile. */
export function withoutUplink() {
  return { upstreams: { [registryName]: { url: 'http://127.0.0.1:1' } } }
}

/**
 * Settings of a node whose clients wait so long, ms, for the registry. By default they wait for a second: that long a small machine may stand
 * still, and then the registry was silent.
 */
export const clientsWait = (timeoutMs: number) => ({ resolve: { timeoutMs } })

/** Starts a world of its own. Whoever starts it closes it. */
export async function startWorld(): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-system-'))
  const origin = await startDockerRegistry(join(dir, 'origin'))
  const uplink = await startRegistry({ origin: origin.url })
  const config = { upstreams: { [registryName]: { url: uplink.url } } }
  const nodes: HoldfastNode[] = []
  return {
    dir,
    origin,
    uplink,
    config,
    async node(options = {}) {
      const node = await startNode({ dir: join(dir, 'node'), config, ...options })
      nodes.push(node)
      return node
    },
    async push(repository, tag, options) {
      const image = makeImage(options)
      await origin.push(repository, tag, image)
      return image
    },
    async close() {
      await Promise.all(nodes.map(node => node.stop('SIGKILL')))
      await uplink.close()
      await origin.stop()
      await rm(dir, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
