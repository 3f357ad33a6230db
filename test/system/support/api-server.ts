import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** As much of an API server as helm asks before it renders. */
export interface ApiServer {
  /** For `--kubeconfig`. */
  readonly kubeconfig: string
  /** Paths that were asked for, one by one. */
  readonly asked: readonly string[]
  close(): void
}

/** Starts one that is of this version and holds these objects, by their paths. */
export async function startApiServer(
  kubeconfig: string,
  gitVersion: string,
  objects: Readonly<Record<string, object>>,
): Promise<ApiServer> {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? []
  const answers: Readonly<Record<string, object>> = {
    '/version': { gitVersion, major, minor },
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: groupsOf(Object.keys(kinds)) },
    ...Object.fromEntries(Object.entries(kinds).map(listKinds)),
    ...objects,
  }
  const asked: string[] = []
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost')
    asked.push(pathname)
    const found = answers[pathname]
    const missing = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound' }
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' })
    response.end(JSON.stringify(found ?? { ...missing, code: 404 }))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}` } }],
    users: [{ name: 'u', user: {} }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  await writeFile(kubeconfig, JSON.stringify(config))
  return { kubeconfig, asked, close: () => server.close().closeAllConnections() }
}

/** By group and version: what the chart makes. */
const kinds: Readonly<Record<string, readonly string[]>> = {
  v1: ['ConfigMap', 'Node', 'Secret', 'Service', 'ServiceAccount', 'Pod'],
  'apps/v1': ['DaemonSet'],
  'batch/v1': ['Job'],
  // Of K3s.
  'helm.cattle.io/v1': ['HelmChart'],
  'networking.k8s.io/v1': ['NetworkPolicy'],
  'scheduling.k8s.io/v1': ['PriorityClass'],
  'rbac.authorization.k8s.io/v1': ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'],
}

const groupsOf = (groupVersions: readonly string[]): readonly object[] =>
  groupVersions
    .filter(groupVersion => groupVersion.includes('/'))
    .map(groupVersion => {
      const [name, version] = groupVersion.split('/')
      return { name, versions: [{ groupVersion, version }] }
    })

function listKinds([groupVersion, names]: [string, readonly string[]]): [string, object] {
  const resources = names.map(kind => {
    const plural = kind.toLowerCase().replace(/y$/, 'ie').replace(/ss$/, 'sse')
    const namespaced = !/^(Cluster|Node|Priority)/.test(kind)
    return { name: `${plural}s`, singularName: '', namespaced, kind, verbs: ['get', 'list'] }
  })
  const path = groupVersion.includes('/') ? `/apis/${groupVersion}` : `/api/${groupVersion}`
  return [path, { kind: 'APIResourceList', groupVersion, resources }]
}
