import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type ContainerdConfig, readContainerdConfig } from './containerd-config.ts'
import { ifThere } from './whole-file.ts'

/** The containerd beside us. */
export interface ContainerdPlace {
  readonly kind: 'k3s' | 'rke2' | 'k0s' | 'containerd'
  /** Where its `hosts.toml` files are to be written. */
  readonly certsDir: string
  readonly socket: string
  readonly configFile: string
  /** What an operator adds to it goes here: the file itself, or another one where that is written by its distribution. */
  readonly settingsFile: string
  /** Absent: there is no such file, or it may not be read. */
  readonly config: ContainerdConfig | undefined
  /** Of K3s and RKE2. */
  readonly registriesYaml: string | undefined
}

/** What the operator says of it; all else is looked for. */
export interface PlaceWishes {
  readonly certsDir: string | undefined
  readonly configFile: string | undefined
  /** Makes it a K3s or RKE2. */
  readonly registriesFile: string | undefined
  readonly socket: string | undefined
}

interface Layout {
  readonly kind: ContainerdPlace['kind']
  readonly home: string
  readonly certsDir: string
  readonly configFile: string
  readonly settingsFile?: string
  readonly socket: string
  readonly registriesYaml: string | undefined
}

const rancher = (kind: 'k3s' | 'rke2'): Layout => ({
  kind,
  home: `/var/lib/rancher/${kind}/agent/etc/containerd`,
  certsDir: `/var/lib/rancher/${kind}/agent/etc/containerd/certs.d`,
  configFile: `/var/lib/rancher/${kind}/agent/etc/containerd/config.toml`,
  socket: '/run/k3s/containerd/containerd.sock',
  registriesYaml: `/etc/rancher/${kind}/registries.yaml`,
})

/** What lies in containerd.d is merged into its configuration: https://docs.k0sproject.io/stable/runtime/ */
const k0s: Layout = {
  kind: 'k0s',
  home: '/etc/k0s/containerd.d',
  certsDir: '/etc/k0s/containerd.d/certs.d',
  configFile: '/etc/k0s/containerd.toml',
  settingsFile: '/etc/k0s/containerd.d/holdfast.toml',
  socket: '/run/k0s/containerd.sock',
  registriesYaml: undefined,
}

const plain: Layout = {
  kind: 'containerd',
  home: '/etc/containerd',
  certsDir: '/etc/containerd/certs.d',
  configFile: '/etc/containerd/config.toml',
  socket: '/run/containerd/containerd.sock',
  registriesYaml: undefined,
}

/** Of a containerd that nobody set up otherwise. */
export const usualSocket = plain.socket

/**
 * Finds the containerd of this node: that of K3s, RKE2 or k0s where one is, else the plain one. `root` is put before every path that is looked
 * for. Throws `HoldfastError` when its configuration cannot be understood.
 */
export async function locateContainerd(wishes: PlaceWishes, root = ''): Promise<ContainerdPlace> {
  const layout = await findLayout(root)
  const { kind, registriesYaml, settingsFile } = kindOf(layout, wishes)
  const configFile = wishes.configFile ?? join(root, layout.configFile)
  const config = await readContainerdConfig(configFile)
  return {
    kind,
    certsDir: wishes.certsDir ?? lastingDir(config) ?? join(root, layout.certsDir),
    socket: wishes.socket ?? config?.socket ?? join(root, layout.socket),
    configFile,
    settingsFile: settingsFile === undefined ? configFile : join(root, settingsFile),
    config,
    registriesYaml:
      wishes.registriesFile ??
      (registriesYaml === undefined ? undefined : join(root, registriesYaml)),
  }
}

async function findLayout(root: string): Promise<Layout> {
  for (const layout of [rancher('k3s'), rancher('rke2'), k0s]) {
    if ((await ifThere(stat(join(root, layout.home)))) !== undefined) return layout
  }
  return plain
}

/** Directories elsewhere belong to another containerd than that of K3s, unless its `registries.yaml` is named. */
function kindOf(layout: Layout, { certsDir, configFile, registriesFile }: PlaceWishes): Layout {
  if (registriesFile !== undefined) {
    if (layout.registriesYaml !== undefined) return layout
    return rancher(registriesFile.includes('rke2') ? 'rke2' : 'k3s')
  }
  const named = [certsDir, configFile].filter(path => path !== undefined)
  const isElsewhere = named.some(
    path => path !== layout.configFile && !path.startsWith(`${layout.home}/`),
  )
  return isElsewhere ? plain : layout
}

/** Of several directories the first that outlives a reboot. */
function lastingDir(config: ContainerdConfig | undefined): string | undefined {
  return config?.configPath.find(dir => !/^(\/var)?\/run\//.test(dir))
}
