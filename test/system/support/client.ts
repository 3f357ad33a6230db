import { createHash } from 'node:crypto'
import { Agent, request } from 'node:http'

/** A client's connection limits; every request on a connection of its own, so that no test waits for another's. */
const agent = new Agent({ keepAlive: false })

/** One answer of a mirror, whole. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  /** From sending to the last byte. */
  readonly tookMs: number
}

/** What containerd sends for a tag. */
const containerdAccept =
  'application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*'

/** One request, read to its end. Rejects when the connection is cut before the body is whole, or after `timeoutMs`. */
export function ask(
  url: string | URL,
  options: {
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly timeoutMs?: number
  } = {},
): Promise<Answer> {
  const beganMs = performance.now()
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: options.method ?? 'GET',
        headers: { accept: containerdAccept, ...options.headers },
        agent,
        signal: AbortSignal.timeout(options.timeoutMs ?? 30_000),
      },
      answer => {
        const chunks: Buffer[] = []
        answer.on('data', chunk => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            headers: answer.headers,
            body: Buffer.concat(chunks),
            tookMs: performance.now() - beganMs,
          }),
        )
      },
    )
    sent.on('error', reject)
    sent.end()
  })
}

/** What a pull through a mirror came to. */
export interface Pulled {
  readonly status: number
  /** What the tag's HEAD said. */
  readonly digest: string
  readonly source: string
  readonly headers: Answer['headers']
  /** Of the HEAD alone. */
  readonly headMs: number
  /** Of everything. */
  readonly tookMs: number
  readonly bytes: number
}

interface WireManifest {
  readonly manifests?: readonly {
    digest: string
    platform?: { architecture: string; os: string }
  }[]
  readonly config?: { digest: string }
  readonly layers?: readonly { digest: string }[]
}

/**
 * Pulls an image as containerd does: HEAD by tag, then everything by digest for one architecture, each byte checked. Rejects when a
 * digest that was answered cannot be had whole: a mirror must never do that.
 */
export async function pull(
  mirror: string,
  registry: string,
  repository: string,
  tag: string,
  architecture = 'amd64',
): Promise<Pulled> {
  const beganMs = performance.now()
  const url = (kind: string, item: string) =>
    `${mirror}/v2/${repository}/${kind}/${item}?ns=${registry}`
  const head = await ask(url('manifests', tag), { method: 'HEAD' })
  const digest = String(head.headers['docker-content-digest'] ?? '')
  const found = {
    status: head.status,
    digest,
    source: String(head.headers['holdfast-source'] ?? ''),
    headers: head.headers,
    headMs: head.tookMs,
  }
  if (head.status !== 200) return { ...found, tookMs: performance.now() - beganMs, bytes: 0 }
  let bytes = 0
  const get = async (kind: string, item: string): Promise<Buffer> => {
    const answer = await ask(url(kind, item))
    if (answer.status !== 200) {
      throw new Error(`${kind}/${item} was promised and answered ${answer.status}: ${answer.body}`)
    }
    const hash = `sha256:${createHash('sha256').update(answer.body).digest('hex')}`
    if (hash !== item) throw new Error(`${kind}/${item} hashes to ${hash}`)
    bytes += answer.body.length
    return answer.body
  }
  let manifest: WireManifest = JSON.parse((await get('manifests', digest)).toString())
  if (manifest.manifests !== undefined) {
    const chosen = manifest.manifests.find(m => m.platform?.architecture === architecture)
    if (chosen === undefined) throw new Error(`no ${architecture} in ${digest}`)
    manifest = JSON.parse((await get('manifests', chosen.digest)).toString())
  }
  const blobs = [manifest.config, ...(manifest.layers ?? [])].filter(d => d !== undefined)
  await Promise.all(blobs.map(blob => get('blobs', blob.digest)))
  return { ...found, tookMs: performance.now() - beganMs, bytes }
}
