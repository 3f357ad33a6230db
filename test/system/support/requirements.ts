import { accessSync, constants, existsSync, globSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, delimiter, join } from 'node:path'

/** Where scripts/system-setup.sh put the containerd versions. */
export const cacheDir =
  process.env['HOLDFAST_TEST_CACHE'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'holdfast-test')

export const containerdVersions = ['1.6', '1.7', '2.1'] as const
export type ContainerdVersion = (typeof containerdVersions)[number]

/** Out of its package, not installed. */
export const buildah: string = join(cacheDir, 'bin', 'buildah')

/** Packages of Docker and podman with what they need, for machines of the tests: they are not installed on this one. */
export const enginePackages: readonly string[] = globSync(join(cacheDir, 'debs', '*.deb'))

/** Runs programs of 64-bit ARM. */
export const emulator: string = join(cacheDir, 'bin', 'qemu-aarch64-static')

/** Questions made up from an API's document; in a Python environment of its own. */
export const schemathesis: string = join(cacheDir, 'schemathesis', 'bin', 'schemathesis')

/** Built from their modules: what renders the chart, and what judges the objects by Kubernetes' own schemas. */
export const chartTools: {
  readonly helm: string
  readonly kubeconform: string
  /** All that Kubernetes defines, in one file (OpenAPI 2). */
  readonly definitions: string
} = {
  helm: join(cacheDir, 'bin', 'helm'),
  kubeconform: join(cacheDir, 'bin', 'kubeconform'),
  definitions: join(cacheDir, 'kubernetes.json'),
}

const commands = [
  'docker-registry',
  'skopeo',
  'runc',
  'ip',
  'iptables',
  'curl',
  'faketime',
  'bzip2',
  'zstd',
  'prometheus',
  'promtool',
  'systemd-analyze',
  'dpkg-deb',
]

/** libfaketime, which gives a process another wall clock. */
export function fakeTimeLibrary(): string {
  const folder = `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`
  return join(folder, 'faketime', 'libfaketime.so.1')
}

/** What is missing where a file is, by its name. */
const files: readonly (readonly [name: string, path: string])[] = [
  ...containerdVersions.map(
    version => [`containerd ${version}`, join(cacheDir, 'bin', version, 'containerd')] as const,
  ),
  ['buildah', buildah],
  ['qemu-aarch64-static', emulator],
  ['schemathesis', schemathesis],
  ['libfaketime', fakeTimeLibrary()],
  ['busybox-static', '/bin/busybox'],
  ...Object.entries(chartTools),
]

const engines = ['docker.io', 'podman', 'conmon', 'libsubid4']

/** Throws one error that names everything that is missing and how to get it. */
export function requireSystem(): void {
  const missing = [
    ...(process.getuid?.() === 0 ? [] : ['root (containerd, network namespaces)']),
    ...commands.filter(name => !onPath(name)),
    ...files.filter(([, path]) => !existsSync(path)).map(([name]) => name),
    ...engines.filter(name => !enginePackages.some(path => basename(path).startsWith(`${name}_`))),
  ]
  if (missing.length > 0) {
    throw new Error(
      `the system tests miss: ${missing.join(', ')}. On Debian, as root: scripts/system-setup.sh`,
    )
  }
}

function onPath(name: string): boolean {
  const folders = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`
  return folders.split(delimiter).some(folder => isExecutable(join(folder, name)))
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
