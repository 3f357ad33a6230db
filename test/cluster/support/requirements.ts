import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { requireSystem } from '../../system/support/requirements.ts'

const cacheDir =
  process.env['HOLDFAST_LAB_CACHE'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'holdfast-lab')

const inCache = (name: string): string => join(cacheDir, 'bin', name)

/** Where test/cluster/lab/setup.sh put what Kubernetes is made of. */
export const labTools: {
  readonly etcd: string
  readonly kubectl: string
  /** API server, controller manager, scheduler, kubelet and kube-proxy: the first word says which. */
  readonly kube: string
  /** CoreDNS. */
  readonly dns: string
} = {
  etcd: inCache('etcd'),
  kubectl: inCache('kubectl'),
  kube: inCache('kube'),
  dns: inCache('dns'),
}

const files: readonly (readonly [name: string, path: string])[] = [
  ...Object.entries(labTools),
  ['CNI plugins', '/usr/lib/cni/bridge'],
  ['nftables', '/usr/sbin/nft'],
]

/** Throws one error that names everything that is missing and how to get it. */
export function requireLab(): void {
  requireSystem()
  const missing = files.filter(([, path]) => !existsSync(path)).map(([name]) => name)
  if (missing.length > 0) {
    throw new Error(
      `the cluster tests miss: ${missing.join(', ')}. On Debian, as root: test/cluster/lab/setup.sh`,
    )
  }
}
