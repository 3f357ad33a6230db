import type { Log } from '../../ports/log.ts'
import type { SeedSource } from '../../ports/seed-source.ts'
import type { KubernetesApi } from './kubernetes-api.ts'

/** What is looked for in Kubernetes. */
export interface KubernetesOptions {
  /** The Service whose pods are nodes of the mesh. */
  readonly service?: string | undefined
  /** Addresses are kept in this annotation of the Node objects. */
  readonly annotation?: string | undefined
  /** Name of the Node object that this node runs on. */
  readonly nodeName: string
}

/** So many addresses at random lead to all the rest. */
const maxAddresses = 16
const publishEveryMs = 3_600_000

/** Nodes that Kubernetes knows of: the pods behind a Service, and what nodes wrote into annotations, this one's among them. */
export function createKubernetesSource(
  parts: {
    /** Made at the first question: the client takes tens of megabytes. */
    readonly openApi: () => Promise<KubernetesApi>
    /** `address:port` where others find this node. */
    readonly ownAddresses: () => readonly string[]
    /** Of a mesh listener, where nothing else is said. */
    readonly meshPort: number
    readonly nowMs: () => number
    readonly random: () => number
    readonly log: Log
  },
  options: KubernetesOptions,
): SeedSource {
  const { log } = parts
  let opening: Promise<KubernetesApi> | undefined
  let published: { readonly text: string; readonly atMs: number } | undefined
  let isPublishFailing = false

  /** One that could not be opened is opened anew at the next question. */
  function open(): Promise<KubernetesApi> {
    opening ??= parts.openApi().catch(error => {
      opening = undefined
      throw error
    })
    return opening
  }

  function isPublished(text: string): boolean {
    return published?.text === text && parts.nowMs() - published.atMs < publishEveryMs
  }

  async function publish(api: KubernetesApi, annotation: string, signal: AbortSignal) {
    const text = parts.ownAddresses().join(',')
    if (text === '' || isPublished(text)) return
    try {
      await api.annotateNode(options.nodeName, annotation, text, signal)
      published = { text, atMs: parts.nowMs() }
      isPublishFailing = false
    } catch (err) {
      if (signal.aborted) return
      const level = isPublishFailing ? 'debug' : 'warn'
      isPublishFailing = true
      log[level]({ node: options.nodeName, err }, 'own address not written to the Node object')
    }
  }

  async function askAnnotations(api: KubernetesApi, annotation: string, signal: AbortSignal) {
    await publish(api, annotation, signal)
    const texts = await api.nodeAnnotations(annotation, signal)
    return texts.flatMap(text => text.split(',').map(part => part.trim())).filter(isAddress)
  }

  return {
    name: 'kubernetes',
    async find(signal) {
      const api = await open()
      const { service, annotation } = options
      const asked = await Promise.allSettled([
        service === undefined ? [] : api.serviceAddresses(service, parts.meshPort, signal),
        annotation === undefined ? [] : askAnnotations(api, annotation, signal),
      ])
      const own = new Set(parts.ownAddresses())
      const found = asked.flatMap(one => (one.status === 'fulfilled' ? one.value : []))
      const failed = asked.find(one => one.status === 'rejected')
      if (found.length === 0 && failed !== undefined) throw failed.reason
      const others = [...new Set(found)].filter(address => !own.has(address))
      return others
        .map(address => ({ address, at: parts.random() }))
        .sort((a, b) => a.at - b.at)
        .slice(0, maxAddresses)
        .map(({ address }) => address)
    },
  }
}

function isAddress(text: string): boolean {
  return /^(?:[0-9.]{7,15}|\[[0-9a-fA-F:.]{2,45}\]):\d{1,5}$/.test(text)
}
