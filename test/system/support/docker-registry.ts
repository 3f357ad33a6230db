import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort, start, until } from './process.ts'

/** Debian's `docker-registry` as a process. */
export interface DockerRegistry {
  readonly url: string
  readonly port: number
  readonly pid: number
  /** Puts a manifest and its blobs there, and tags it. */
  push(
    repository: string,
    tag: string,
    image: {
      readonly blobs: ReadonlyMap<string, Buffer>
      readonly manifests: readonly { digest: string; mediaType: string }[]
      readonly digest: string
      readonly mediaType: string
    },
  ): Promise<void>
  stop(): Promise<void>
}

/** Writes the configuration of a registry whose files lie under `dir`, and returns its path. */
export async function registryConfig(dir: string, address: string): Promise<string> {
  await mkdir(dir, { recursive: true })
  const config = join(dir, 'config.yml')
  await writeFile(
    config,
    `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: '${dir}/data' }, delete: { enabled: true } }
http: { addr: '${address}' }
`,
  )
  return config
}

/** Where a registry listens. */
export interface RegistryPlace {
  /** Default: one that is free. */
  readonly port?: number
  /** Default: loopback. */
  readonly address?: string
  /** Prefix of its command. The test's loopback has to lead to its port. */
  readonly within?: readonly string[]
}

/** Starts a registry whose files lie under `dir`. */
export async function startDockerRegistry(
  dir: string,
  { port, address = '127.0.0.1', within = [] }: RegistryPlace = {},
): Promise<DockerRegistry> {
  const chosen = port ?? (await freePort())
  const config = await registryConfig(dir, `${address}:${chosen}`)
  const [command = '', ...args] = [...within, 'docker-registry', 'serve', config]
  const running = start(command, args)
  const url = `http://127.0.0.1:${chosen}`
  await until('docker-registry answers', async () => {
    const answer = await fetch(`${url}/v2/`).catch(() => undefined)
    return answer?.status === 200
  })

  async function put(path: string, type: string, body: Buffer): Promise<void> {
    const headers = { 'content-type': type }
    const answer = await fetch(new URL(path, url), { method: 'PUT', headers, body })
    if (!answer.ok) throw new Error(`PUT ${path}: ${answer.status} ${await answer.text()}`)
  }

  async function pushBlob(repository: string, digest: string, bytes: Buffer): Promise<void> {
    const begun = await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' })
    const place = new URL(begun.headers.get('location') ?? '', url)
    place.searchParams.set('digest', digest)
    await put(place.href, 'application/octet-stream', bytes)
  }

  return {
    url,
    port: chosen,
    pid: running.pid,
    async push(repository, tag, image) {
      const manifests = new Set([image.digest, ...image.manifests.map(m => m.digest)])
      for (const [digest, bytes] of image.blobs) {
        if (!manifests.has(digest)) await pushBlob(repository, digest, bytes)
      }
      for (const { digest, mediaType } of [...image.manifests, image]) {
        const bytes = image.blobs.get(digest) ?? Buffer.alloc(0)
        await put(`/v2/${repository}/manifests/${digest}`, mediaType, bytes)
        if (digest !== image.digest) continue
        await put(`/v2/${repository}/manifests/${tag}`, mediaType, bytes)
      }
    },
    async stop() {
      await running.stop()
    },
  }
}
