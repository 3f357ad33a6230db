import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../system/support/process.ts'

/** What the parts of a cluster know each other by. */
export interface Pki {
  /** A file of it: `ca.crt`. */
  path(name: string): string
  /** Writes a kubeconfig of a user: one that {@link users} lists, or a node. Resolves with its path. */
  kubeconfig(user: string, server: string): Promise<string>
}

/** Users with their groups; `node` is for names of nodes. */
const users: Readonly<Record<string, string>> = {
  admin: 'system:masters',
  'system:kube-controller-manager': '',
  'system:kube-scheduler': '',
  'system:kube-proxy': '',
  dns: 'system:masters',
}

/** Makes an authority, certificates and tokens under `dir`, for an API server at `address` and for these nodes. */
export async function makePki(
  dir: string,
  address: string,
  nodes: readonly string[],
): Promise<Pki> {
  await mkdir(dir, { recursive: true })
  const path = (name: string) => join(dir, name)
  const openssl = (...words: readonly string[]) => run('openssl', words)
  const key = (name: string) =>
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', path(`${name}.key`))
  const sign = async (name: string, subject: string, extension: string) => {
    await key(name)
    await writeFile(path(`${name}.ext`), extension)
    const [request, crt] = [path(`${name}.csr`), path(`${name}.crt`)]
    await openssl('req', '-new', '-key', path(`${name}.key`), '-subj', subject, '-out', request)
    const by = ['-CA', path('ca.crt'), '-CAkey', path('ca.key'), '-CAcreateserial', '-days', '2']
    await openssl(
      ...['x509', '-req', '-in', request, ...by, '-extfile', path(`${name}.ext`), '-out', crt],
    )
  }

  await key('ca')
  await openssl(
    ...['req', '-x509', '-new', '-key', path('ca.key'), '-subj', '/CN=lab', '-days', '2'],
    ...['-out', path('ca.crt')],
  )
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc']
  const addresses = ['127.0.0.1', address, '10.96.0.1']
  const subjects = [...addresses.map(ip => `IP:${ip}`), ...names.map(name => `DNS:${name}`)]
  await sign('apiserver', '/CN=kube-apiserver', `subjectAltName=${subjects.join(',')}`)
  await sign('kubelet-client', '/O=system:masters/CN=apiserver', 'extendedKeyUsage=clientAuth')
  await openssl('genrsa', '-out', path('accounts.key'), '2048')
  await openssl('rsa', '-in', path('accounts.key'), '-pubout', '-out', path('accounts.pub'))

  const groups = new Map(Object.entries(users))
  for (const node of nodes) groups.set(`system:node:${node}`, 'system:nodes')
  const tokens = new Map([...groups.keys()].map(user => [user, randomBytes(16).toString('hex')]))
  const lines = [...tokens].map(([user, token]) => `${token},${user},${user},"${groups.get(user)}"`)
  await writeFile(path('tokens.csv'), `${lines.join('\n')}\n`, { mode: 0o600 })

  return {
    path,
    async kubeconfig(user, server) {
      const token = tokens.get(user)
      if (token === undefined) throw new Error(`no such user: ${user}`)
      const file = path(`${user.replaceAll(':', '-')}.kubeconfig`)
      await writeFile(file, JSON.stringify(kubeconfig(server, path('ca.crt'), token)))
      return file
    },
  }
}

const kubeconfig = (server: string, authority: string, token: string) => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'lab', cluster: { server, 'certificate-authority': authority } }],
  users: [{ name: 'user', user: { token } }],
  contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'user' } }],
  'current-context': 'lab',
})
