import * as k8s from '@kubernetes/client-node'

const pageSize = 500
const maxPages = 20

/** As a pod does, or by a kubeconfig file. Throws when there is neither. */
export function loadKubeConfig(kubeconfig: string | undefined): k8s.KubeConfig {
  const config = new k8s.KubeConfig()
  if (kubeconfig !== undefined) config.loadFromFile(kubeconfig)
  else if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined) config.loadFromCluster()
  else throw new Error('this is no pod of Kubernetes, and no kubeconfig is named')
  return config
}

interface Page<T> {
  readonly items: readonly T[]
  readonly metadata?: { readonly _continue?: string }
}

/** Reads a list that comes in pages. */
export async function readPages<T>(
  read: (next: { limit: number; _continue?: string }) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const items: T[] = []
  let next: { limit: number; _continue?: string } = { limit: pageSize }
  for (let page = 0; page < maxPages; page++) {
    const { items: more, metadata } = await read(next)
    items.push(...more)
    const token = metadata?._continue
    if (token === undefined || token === '') break
    next = { limit: pageSize, _continue: token }
  }
  return items
}

/** Ends the request with the signal. */
export function until(signal: AbortSignal): k8s.ConfigurationOptions<k8s.ObservableMiddleware> {
  const same = <T>(value: T) => new k8s.Observable(Promise.resolve(value))
  const pre = (request: k8s.RequestContext) => {
    request.setSignal(signal)
    return same(request)
  }
  return { middleware: [{ pre, post: same }], middlewareMergeStrategy: 'append' }
}
