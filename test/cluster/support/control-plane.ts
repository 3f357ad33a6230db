import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Running, run, start, succeeds, until } from '../../system/support/process.ts'
import { type Place, podNetwork, serviceNetwork } from './network.ts'
import type { Pki } from './pki.ts'
import { labTools } from './requirements.ts'

/** etcd, the API server, its controllers and the scheduler, and CoreDNS; all in one namespace. */
export interface ControlPlane {
  /** What the parts printed, by name; for errors. */
  output(): string
  stop(): Promise<void>
}

/** Where everybody reaches the API server, by the address of the hub. */
export const apiServerPort = 6443
const etcdAddress = 'http://127.0.0.1:2379'

/** Starts it, and resolves when all of it does its work. Only etcd keeps files, below `dir`. */
export async function startControlPlane(dir: string, hub: Place, pki: Pki): Promise<ControlPlane> {
  const server = `https://127.0.0.1:${apiServerPort}`
  const kubeconfig = async (user: string) => `--kubeconfig=${await pki.kubeconfig(user, server)}`
  const running = new Map<string, Running>()
  const begin = (name: string, ...words: readonly string[]) => {
    const [command = '', ...args] = [...hub.within, ...words]
    running.set(name, start(command, args))
  }
  const output = () =>
    [...running].map(([name, part]) => `${name}: ${part.output().slice(-2000)}`).join('\n')

  begin('etcd', labTools.etcd, ...etcdFlags(join(dir, 'etcd')))
  begin('apiserver', labTools.kube, 'apiserver', ...apiServerFlags(hub.address, pki))
  const [kubectl = '', ...args] = [...hub.within, labTools.kubectl, await kubeconfig('admin')]
  await until(
    'the API server is ready',
    () => succeeds(run(kubectl, [...args, 'get', '--raw', '/readyz'])),
    120_000,
  ).catch(error => Promise.reject(new Error(output(), { cause: error })))
  begin(
    ...(['controllers', labTools.kube, 'controller-manager'] as const),
    await kubeconfig('system:kube-controller-manager'),
    ...controllerFlags(pki),
  )
  const scheduler = await kubeconfig('system:kube-scheduler')
  begin('scheduler', labTools.kube, 'scheduler', scheduler, '--leader-elect=false')
  const corefile = join(dir, 'Corefile')
  const access = await pki.kubeconfig('dns', server)
  await writeFile(
    corefile,
    `.:53 {\n errors\n kubernetes cluster.local {\n kubeconfig ${access} lab\n }\n}\n`,
  )
  begin('dns', labTools.dns, '-conf', corefile)
  return {
    output,
    async stop() {
      await Promise.all([...running.values()].map(part => part.stop('SIGKILL')))
    },
  }
}

const controllerFlags = (pki: Pki): readonly string[] => [
  '--leader-elect=false',
  '--use-service-account-credentials',
  `--service-account-private-key-file=${pki.path('accounts.key')}`,
  `--root-ca-file=${pki.path('ca.crt')}`,
  `--cluster-cidr=${podNetwork}`,
  // A node whose power is cut is called not ready after this, and not after 50 s.
  '--node-monitor-grace-period=20s',
]

const etcdFlags = (dir: string): readonly string[] => [
  `--data-dir=${dir}`,
  '--unsafe-no-fsync',
  '--log-level=warn',
  `--listen-client-urls=${etcdAddress}`,
  `--advertise-client-urls=${etcdAddress}`,
  '--listen-peer-urls=http://127.0.0.1:2380',
]

const apiServerFlags = (address: string, pki: Pki): readonly string[] => [
  `--etcd-servers=${etcdAddress}`,
  `--secure-port=${apiServerPort}`,
  `--advertise-address=${address}`,
  `--service-cluster-ip-range=${serviceNetwork}`,
  `--tls-cert-file=${pki.path('apiserver.crt')}`,
  `--tls-private-key-file=${pki.path('apiserver.key')}`,
  `--client-ca-file=${pki.path('ca.crt')}`,
  `--token-auth-file=${pki.path('tokens.csv')}`,
  '--authorization-mode=Node,RBAC',
  '--enable-admission-plugins=NodeRestriction',
  '--service-account-issuer=https://kubernetes.default.svc',
  `--service-account-key-file=${pki.path('accounts.pub')}`,
  `--service-account-signing-key-file=${pki.path('accounts.key')}`,
  `--kubelet-client-certificate=${pki.path('kubelet-client.crt')}`,
  `--kubelet-client-key=${pki.path('kubelet-client.key')}`,
  '--kubelet-preferred-address-types=InternalIP',
  '--allow-privileged=true',
]
