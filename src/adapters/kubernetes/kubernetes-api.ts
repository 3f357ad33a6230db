import { readFile } from 'node:fs/promises'
import * as k8s from '@kubernetes/client-node'
import { loadKubeConfig, readPages, until } from './kubernetes-client.ts'

/** The few things that are asked of Kubernetes. */
export interface KubernetesApi {
  /** `address:port` of the pods behind a Service, ready or not: nodes that are just starting look for each other too. */
  serviceAddresses(
    service: string,
    defaultPort: number,
    signal: AbortSignal,
  ): Promise<readonly string[]>
  /** What is written in this annotation of all Node objects. */
  nodeAnnotations(annotation: string, signal: AbortSignal): Promise<readonly string[]>
  annotateNode(name: string, annotation: string, text: string, signal: AbortSignal): Promise<void>
}

const namespaceFile = '/var/run/secrets/kubernetes.io/serviceaccount/namespace'
/** A Node object lists all images it holds: only its metadata is asked for. */
const metadataOnly = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'

/**
 * Opens the API as a pod does, or by a kubeconfig file. Rejects when there is neither. Importing this module costs tens of megabytes: only
 * who looks for nodes in Kubernetes should.
 */
export async function openKubernetesApi(options: {
  readonly kubeconfig?: string | undefined
  readonly namespace?: string | undefined
}): Promise<KubernetesApi> {
  const config = loadKubeConfig(options.kubeconfig)
  const namespace = options.namespace ?? (await ownNamespace(config))
  const core = config.makeApiClient(k8s.CoreV1Api)
  const discovery = config.makeApiClient(k8s.DiscoveryV1Api)

  return {
    async serviceAddresses(service, defaultPort, signal) {
      const labelSelector = `kubernetes.io/service-name=${service}`
      const slices = await readPages(next =>
        discovery.listNamespacedEndpointSlice({ namespace, labelSelector, ...next }, until(signal)),
      )
      return slices.flatMap(slice => addressesIn(slice, defaultPort))
    },
    async nodeAnnotations(annotation, signal) {
      const options = k8s.setHeaderOptions('Accept', metadataOnly, until(signal))
      const nodes = await readPages(next => core.listNode(next, options))
      const texts = nodes.map(node => node.metadata?.annotations?.[annotation])
      return texts.filter(text => text !== undefined)
    },
    async annotateNode(name, annotation, text, signal) {
      const body = { metadata: { annotations: { [annotation]: text } } }
      const { MergePatch } = k8s.PatchStrategy
      const options = k8s.setHeaderOptions('Content-Type', MergePatch, until(signal))
      await core.patchNode({ name, body, fieldManager: 'holdfast' }, options)
    },
  }
}

async function ownNamespace(config: k8s.KubeConfig): Promise<string> {
  try {
    return (await readFile(namespaceFile, 'utf8')).trim()
  } catch {
    return config.getContextObject(config.getCurrentContext())?.namespace ?? 'default'
  }
}

function addressesIn(slice: k8s.V1EndpointSlice, defaultPort: number): readonly string[] {
  if (slice.addressType === 'FQDN') return []
  const port = slice.ports?.find(({ name }) => name === 'mesh')?.port ?? defaultPort
  return (slice.endpoints ?? []).flatMap(({ addresses }) =>
    addresses.map(address =>
      address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`,
    ),
  )
}
