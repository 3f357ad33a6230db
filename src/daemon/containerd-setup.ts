import { join } from 'node:path'
import { judgeEmbedded } from '../adapters/containerd-setup/check.ts'
import {
  editRegistries,
  namedRegistries,
  restoreRegistries,
} from '../adapters/containerd-setup/edit-registries.ts'
import { everyRegistry, hostsName, keyOf } from '../adapters/containerd-setup/every-registry.ts'
import {
  type Behind,
  behindOf,
  type Fallback,
  type MirrorAccess,
  type RegistryAccess,
  writeHosts,
} from '../adapters/containerd-setup/hosts-toml.ts'
import { inTurn } from '../adapters/containerd-setup/in-turn.ts'
import { installHosts } from '../adapters/containerd-setup/install.ts'
import { embeddedRegistries } from '../adapters/containerd-setup/k3s-embedded.ts'
import { leaveAlone } from '../adapters/containerd-setup/leave-alone.ts'
import type { ContainerdPlace } from '../adapters/containerd-setup/locate.ts'
import { writeRegistriesConf } from '../adapters/containerd-setup/registries-conf.ts'
import { readStatus } from '../adapters/containerd-setup/status.ts'
import { uninstallHosts } from '../adapters/containerd-setup/uninstall.ts'
import { urlOf } from '../adapters/registry/presets.ts'
import type { UpstreamSettings, UpstreamsSettings } from '../adapters/registry/settings.ts'
import type { ContainerdSetup, Program, Snippet } from '../cli/containerd-setup.ts'
import type { Config } from '../config/config.ts'
import { parseRegistry } from '../oci/reference.ts'
import { HoldfastError } from '../ports/errors.ts'
import { checkContainerd, whyUnread } from './containerd-check.ts'
import { absolute, findContainerd } from './containerd-place.ts'
import { accessToMirror } from './mirror-url.ts'
import { readUpstreams } from './upstream-files.ts'

/**
 * Finds the containerd of this machine. Throws `HoldfastError` when a file of its cannot be understood; what it gives does when one of ours
 * cannot, but for `uninstall`, which asks none.
 */
export async function openContainerdSetup(config: Config): Promise<ContainerdSetup> {
  const place = await findContainerd(config)
  const { certsDir } = place
  const upstreamsOf = async () => (await readUpstreams(config)).upstreams
  const namesOf = async () => Object.keys(await upstreamsOf()).map(hostsName)
  return {
    certsDir,
    install: order =>
      inTurn(certsDir, async () => install(config, place, await upstreamsOf(), order)),
    uninstall: order => inTurn(certsDir, () => uninstall(place, order)),
    leaveAlone: () => inTurn(certsDir, () => leaveAlone(certsDir)),
    status: async () => readStatus(certsDir, await namesOf()),
    check: async ({ pull }) => checkContainerd(config, place, await namesOf(), pull),
    async print({ program, registries, fallback = config.containerd.fallback, targets }) {
      const mirror = accessToMirror(config, targets)
      const chosen = chooseRegistries(registries, await upstreamsOf())
      return snippets(program, chosen, mirror, behindOf(fallback), certsDir)
    },
  }
}

async function install(
  config: Config,
  place: ContainerdPlace,
  upstreams: UpstreamsSettings,
  {
    registries,
    fallback = config.containerd.fallback,
    write,
    requireConfigPath,
    ...wishes
  }: Parameters<ContainerdSetup['install']>[0],
): ReturnType<ContainerdSetup['install']> {
  const { certsDir, registriesYaml } = place
  const { prepend, force, targets } = wishes
  if (requireConfigPath) await demandConfigPath(place)
  const mirror = accessToMirror(config, targets)
  const chosen = chooseRegistries(registries, upstreams)
  const named = registriesYaml === undefined ? [] : await namedRegistries(registriesYaml)
  const own = chosen.filter(({ name }) => !named.includes(name))
  const others = chosen.map(({ name }) => name).filter(name => named.includes(name))
  const order = { certsDir, registries: own, mirror, fallback, prepend, force }
  const items = await installHosts(order)
  const isRefused = items.some(({ outcome }) => outcome === 'refused')
  const notes = [
    ...notesAbout(place, fallback, own),
    ...notesAboutK3s(place, others, fallback),
    ...(await notesAboutEmbedded(place, others)),
  ]
  if (registriesYaml === undefined || others.length === 0 || isRefused) return { items, notes }
  const edit = await editRegistries(registriesYaml, others, mirror.url, { write })
  return { items, edit, notes }
}

/** Throws `HoldfastError`, with what to write where, when containerd would not read the files. */
async function demandConfigPath(place: ContainerdPlace): Promise<void> {
  const why = await whyUnread(place)
  if (why === undefined) return
  const cure = why.fix === undefined ? '' : `\n${why.fix}`
  throw new HoldfastError('config-invalid', `nothing was written: ${why.what}${cure}`)
}

async function uninstall(
  { certsDir, registriesYaml }: ContainerdPlace,
  { force }: Parameters<ContainerdSetup['uninstall']>[0],
): ReturnType<ContainerdSetup['uninstall']> {
  const items = await uninstallHosts({ certsDir, force })
  if (registriesYaml === undefined) return items
  const outcome = await restoreRegistries(registriesYaml)
  if (outcome === undefined) return items
  return [...items, { path: registriesYaml, outcome }]
}

function snippets(
  program: Program,
  registries: readonly RegistryAccess[],
  mirror: MirrorAccess,
  behind: Behind,
  certsDir: string,
): readonly Snippet[] {
  switch (program) {
    case 'containerd':
      return registries.map(registry => ({
        path: join(certsDir, registry.name, 'hosts.toml'),
        text: writeHosts(registry, mirror, behind),
      }))
    case 'podman':
    case 'crio': {
      const path = '/etc/containers/registries.conf.d/50-holdfast.conf'
      return [{ path, text: writeRegistriesConf(registries, mirror, behind) }]
    }
    case 'docker': {
      // Docker asks mirrors for its own registry alone, and goes on to that.
      const value = { 'registry-mirrors': [mirror.url, ...mirror.targets] }
      return [{ path: '/etc/docker/daemon.json', text: `${JSON.stringify(value, null, 2)}\n` }]
    }
  }
}

function chooseRegistries(
  named: readonly string[],
  upstreams: UpstreamsSettings,
): readonly RegistryAccess[] {
  const names = named.length === 0 ? Object.keys(upstreams).map(hostsName) : named.map(readName)
  return [...new Set(names)].map(name => accessTo(name, upstreams))
}

function readName(text: string): string {
  if (hostsName(text) === everyRegistry) return everyRegistry
  const name = parseRegistry(text)
  if (name !== undefined) return name
  throw new HoldfastError(
    'config-invalid',
    `${JSON.stringify(text)} is no registry, as docker.io is`,
  )
}

/** What Holdfast would ask, containerd is to ask as well. */
function accessTo(name: string, upstreams: UpstreamsSettings): RegistryAccess {
  if (name === everyRegistry) return { name, url: undefined }
  const upstream: UpstreamSettings | undefined = upstreams[name] ?? upstreams['*']
  if (upstream === undefined) {
    const message = `${name} is not configured, and the mirror would not answer for it: name it under upstreams first`
    throw new HoldfastError('config-invalid', message)
  }
  const { url, tls } = upstream
  return {
    name,
    url: url ?? urlOf(name),
    caFile: absolute(tls?.caFile),
    certFile: absolute(tls?.certFile),
    keyFile: absolute(tls?.keyFile),
    insecureSkipVerify: tls?.insecureSkipVerify,
  }
}

function notesAbout(
  { kind, config, configFile, settingsFile, certsDir }: ContainerdPlace,
  fallback: Fallback,
  registries: readonly RegistryAccess[],
): readonly string[] {
  const notes: string[] = []
  if (fallback === 'auto' && registries.some(({ name }) => name !== everyRegistry)) {
    notes.push(
      'auto: nobody stands behind the mirror until a running Holdfast has confirmed that the registry answers; `holdfast containerd status` tells who does now',
    )
  }
  if (fallback !== 'upstream' && registries.some(({ name }) => name === everyRegistry)) {
    notes.push(
      '_default with nobody behind: registries that Holdfast does not know cannot be pulled from',
    )
  }
  if (config !== undefined && !config.configPath.includes(certsDir)) {
    notes.push(
      `${configFile} does not name ${certsDir} as config_path of its registries: before 2.2 containerd does not read it; set it${settingsFile === configFile ? '' : ` in ${settingsFile}`} and restart ${kind}`,
    )
  }
  return notes
}

/** What K3s does by itself with the registries that it names. */
function notesAboutK3s(
  { kind, registriesYaml }: ContainerdPlace,
  named: readonly string[],
  fallback: Fallback,
): readonly string[] {
  if (named.length === 0) return []
  const [service, agent] = kind === 'rke2' ? ['rke2-server', 'rke2-agent'] : ['k3s', 'k3s-agent']
  const list = named.map(keyOf).join(', ')
  const restart = `${list}: ${registriesYaml} names them; restart ${service} or ${agent} once it is edited`
  if (fallback === 'upstream') return [restart]
  return [
    restart,
    `${list}: the registry itself stands behind the mirror, unless ${kind} runs with --disable-default-registry-endpoint: ${fallback} is not to be had there`,
  ]
}

/** What `check` says of registries that the nodes of K3s answer first, said at once. */
async function notesAboutEmbedded(
  { certsDir, registriesYaml }: ContainerdPlace,
  named: readonly string[],
): Promise<readonly string[]> {
  if (registriesYaml === undefined || named.length === 0) return []
  const embedded = await embeddedRegistries(registriesYaml, await readStatus(certsDir, named))
  const findings = judgeEmbedded(embedded.filter(registry => named.includes(registry)))
  return findings.map(({ what, fix }) => `${what}; ${fix}`)
}
