import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

/** Where a pod finds the API server, and the directory of what it shows there. */
export interface PodAccess {
  readonly url: string
  readonly directory: string
}

/**
 * As Kubernetes tells its pods; absent outside of one.
 * https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/#directly-accessing-the-rest-api
 */
export function podAccess(env: NodeJS.ProcessEnv): PodAccess | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env
  if (host === undefined) return undefined
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  return { url, directory: '/var/run/secrets/kubernetes.io/serviceaccount' }
}

/** A Node object lists all images it holds: only its metadata is asked for. */
const metadataOnly = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'

/**
 * Reads a label of a Node object; `undefined` where it has none. Rejects when it is not told. One plain question, for what `kubernetes-client`
 * imports would stay in memory for as long as the node runs.
 */
export async function readNodeLabel(
  { url, directory }: PodAccess,
  { node, label }: { readonly node: string; readonly label: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const ca = await readFile(join(directory, 'ca.crt'))
  const token = await readFile(join(directory, 'token'), 'utf8')
  const headers = { accept: metadataOnly, authorization: `Bearer ${token.trim()}` }
  const place = new URL(`/api/v1/nodes/${encodeURIComponent(node)}`, url)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  get(place, { ca, headers, signal, agent: false }, resolve).on('error', reject)
  const answer = await promise
  const body = await text(answer)
  if (answer.statusCode !== 200) {
    throw new Error(`the API server answers ${answer.statusCode}: ${body.slice(0, 500)}`)
  }
  const { metadata } = JSON.parse(body) as { metadata?: { labels?: Record<string, unknown> } }
  const value = metadata?.labels?.[label]
  return typeof value === 'string' && value !== '' ? value : undefined
}
