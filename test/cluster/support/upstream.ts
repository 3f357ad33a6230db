import { join } from 'node:path'
import { type ImageOptions, makeImage, type TestImage } from '../../support/image.ts'
import { type DockerRegistry, startDockerRegistry } from '../../system/support/docker-registry.ts'
import { hangDoor } from '../../system/support/lan-door.ts'
import { freePort, run } from '../../system/support/process.ts'
import { runnable } from '../../system/support/runnable.ts'
import { registryName } from '../../system/support/world.ts'
import type { ClusterNetwork } from './network.ts'

/** The registry of a cluster, and what may become of it. */
export interface ClusterUpstream {
  /** Where nodes and pods reach it. */
  readonly url: string
  /** Makes an image that a pod can run, pushes it, and tags it. */
  push(repository: string, tag: string, options?: ImageOptions): Promise<TestImage>
  /** What nodes and pods were sent by it, in bytes. */
  bytesSent(): Promise<number>
  /** Pushes an archive under a name of this registry. */
  copy(archive: string, repository: string, tag: string): Promise<void>
  /** Accepts connections and answers nothing. */
  freeze(): void
  thaw(): void
  /** Nobody listens. */
  refuse(): Promise<void>
  /** Packets vanish. */
  cutOff(): Promise<void>
  /** It answers again, whatever was. */
  restore(): Promise<void>
  close(): Promise<void>
}

/** Starts one whose files lie in `dir`. */
export async function startClusterUpstream(
  dir: string,
  network: ClusterNetwork,
): Promise<ClusterUpstream> {
  const { within, address } = network.hub
  const port = await freePort()
  const door = await hangDoor(within)
  await door.open([port])
  const bytesSent = await network.meter(port)
  const begin = () =>
    startDockerRegistry(join(dir, 'registry'), { port, address: '0.0.0.0', within })
  let registry: DockerRegistry | undefined = await begin()
  const running = (): DockerRegistry => {
    if (registry === undefined) throw new Error('the registry is refused')
    return registry
  }
  const signal = (name: NodeJS.Signals) => process.kill(running().pid, name)
  let isCutOff = false
  const upstream: ClusterUpstream = {
    url: `http://${address}:${port}`,
    async push(repository, tag, options = runnable(`${repository}:${tag}`)) {
      const image = makeImage(options)
      await running().push(repository, tag, image)
      return image
    },
    bytesSent,
    async copy(archive, repository, tag) {
      const to = `docker://127.0.0.1:${port}/${repository}:${tag}`
      const words = ['--insecure-policy', 'copy', '--all', '--quiet', '--dest-tls-verify=false']
      await run('skopeo', [...words, `oci-archive:${archive}`, to], { timeoutMs: 120_000 })
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async refuse() {
      await registry?.stop()
      registry = undefined
    },
    async cutOff() {
      await network.drop(port)
      isCutOff = true
    },
    async restore() {
      if (isCutOff && (await network.undrop(port)) === 0) throw new Error('nothing was cut off')
      isCutOff = false
      registry ??= await begin()
      upstream.thaw()
    },
    async close() {
      if (registry !== undefined) upstream.thaw()
      await registry?.stop()
      await door.close()
    },
  }
  return upstream
}

/** An image of the registry, as pods name it. */
export const imageOf = (repository: string, tag: string): string =>
  `${registryName}/${repository}:${tag}`
