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

/** What the API server refused with is in the message of an error, on one line; the client's own has the headers, too. */
export async function inPlainWords<T>(question: Promise<T>): Promise<T> {
  try {
    return await question
  } catch (error) {
    if (!(error instanceof k8s.ApiException)) throw error
    const said = messageIn(error.body)
    const what = `the API server answers ${error.code}${said === undefined ? '' : `: ${said}`}`
    throw new Error(what, { cause: error })
  }
}

/** Of a `Status` of Kubernetes. */
function messageIn(body: unknown): string | undefined {
  try {
    const status: unknown = typeof body === 'string' ? JSON.parse(body) : body
    const { message } = status as { readonly message?: unknown }
    return typeof message === 'string' ? message : undefined
  } catch {
    return undefined
  }
}
