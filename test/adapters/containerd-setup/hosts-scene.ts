import { chmodSync, readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { InstallOrder } from '../../../src/adapters/containerd-setup/install.ts'

/** Registries that are installed. */
export const names = ['docker.io', 'ghcr.io', 'registry.lab:5000', '_default']

/** All of them are sent to a mirror with nobody behind. */
export function order(certsDir: string, more: Partial<InstallOrder> = {}): InstallOrder {
  return {
    certsDir,
    registries: names.map(name => ({ name, url: `https://${name}` })),
    mirror: { url: 'http://127.0.0.1:5050', targets: [], token: undefined },
    fallback: 'none',
    prepend: false,
    force: false,
    ...more,
  }
}

/** A directory with files of others for some of them. */
export function furnished(t: Test): string {
  const root = t.testdir({
    'certs.d': {
      'docker.io': {
        'hosts.toml': '# mine\nserver = "https://registry-1.docker.io"\n[host]\n',
        'ca.pem': 'x',
      },
      'registry.lab_5000_': { 'hosts.toml': '[host."https://a.example"]\n' },
      'quay.io': { 'hosts.toml': 'not toml\n' },
    },
  })
  const certsDir = join(root, 'certs.d')
  chmodSync(join(certsDir, 'docker.io/hosts.toml'), 0o640)
  utimesSync(join(certsDir, 'docker.io/hosts.toml'), 1_000_000, 1_000_000)
  return certsDir
}

/** What containerd reads for a registry, by its directory. */
export const text = (certsDir: string, directory: string): string =>
  readFileSync(join(certsDir, directory, 'hosts.toml'), 'utf8')
