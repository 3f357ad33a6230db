import { access, constants } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { ContainerRuntime, RunningConfig } from '../../ports/container-runtime.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { keyOf } from './every-registry.ts'
import type { ContainerdPlace } from './locate.ts'
import type { HostsState } from './status.ts'
import { codeOf } from './whole-file.ts'

/** One thing that was looked at. */
export interface Finding {
  /** Stable, for scripts. */
  readonly id: string
  /** `fault`: pulls do not come through the mirror. `warning`: something is worse than it could be. */
  readonly level: 'ok' | 'warning' | 'fault'
  readonly what: string
  /** What to do about it. */
  readonly fix?: string
}

const ok = (id: string, what: string): Finding => ({ id, level: 'ok', what })
const warning = (id: string, what: string, fix: string): Finding => ({
  id,
  level: 'warning',
  what,
  fix,
})
const fault = (id: string, what: string, fix: string): Finding => ({
  id,
  level: 'fault',
  what,
  fix,
})

/** What containerd says of itself. */
export interface Answered {
  readonly version: string | undefined
  readonly running: RunningConfig | undefined
  readonly finding: Finding
}

/** Asks containerd for its version and what its CRI plugin runs with. */
export async function askContainerd(
  runtime: ContainerRuntime,
  { socket, kind }: ContainerdPlace,
): Promise<Answered> {
  try {
    const version = await runtime.version()
    const running = await runtime.runningConfig()
    return { version, running, finding: ok('containerd', `containerd ${version} at ${socket}`) }
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    const reason = await whySilent(socket, error.message)
    const fix = `is ${kind} running with its CRI plugin, and is containerd.socket its socket? Run this as root`
    return {
      version: undefined,
      running: undefined,
      finding: fault('containerd', `no containerd answers: ${reason}`, fix),
    }
  }
}

async function whySilent(socket: string, message: string): Promise<string> {
  try {
    await access(socket, constants.R_OK | constants.W_OK)
    return message
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOENT') return `there is no ${socket}`
    return code === 'EACCES' ? `this user may not use ${socket}` : message
  }
}

/** What the configuration of containerd means for the mirror. */
export function judgeConfig(place: ContainerdPlace, answered: Answered): readonly Finding[] {
  const { config, configFile } = place
  const { version, running } = answered
  const told = running?.configPath
  if (told === undefined && config === undefined) {
    const what = `what containerd is configured to cannot be told: it does not say, and there is no ${configFile}`
    return [warning('config', what, 'set containerd.configFile, and run this as root')]
  }
  const dirs = told?.split(':').filter(dir => dir !== '') ?? config?.configPath ?? []
  const discards = running?.discardUnpackedLayers ?? config?.discardUnpackedLayers
  return [
    judgePath(place, dirs, version, told === undefined ? configFile : 'the running containerd'),
    ...judgeTransfer(place, dirs, version),
    discards === true
      ? warning(
          'discard-unpacked-layers',
          'containerd drops layers once they are unpacked',
          'nothing, while Holdfast has a store of its own; else set discard_unpacked_layers = false',
        )
      : ok('discard-unpacked-layers', 'containerd keeps the layers it pulled'),
  ]
}

function judgePath(
  { kind, config, certsDir, configFile, settingsFile }: ContainerdPlace,
  dirs: readonly string[],
  version: string | undefined,
  source: string,
): Finding {
  const old = config?.oldRegistryKeys ?? []
  if (dirs.length > 0 && old.length > 0) {
    const keys = old.map(key => `registry.${key}`).join(', ')
    return fault('config-path', `${configFile} has ${keys} beside config_path`, `remove ${keys}`)
  }
  if (dirs.includes(certsDir)) return ok('config-path', `config_path names ${certsDir} (${source})`)
  const section = isAtLeast(version, 2, 0)
    ? "[plugins.'io.containerd.cri.v1.images'.registry]"
    : '[plugins."io.containerd.grpc.v1.cri".registry]'
  const fix = `in ${settingsFile}, under ${section}: config_path = "${certsDir}"; then restart ${kind}`
  if (dirs.length > 0) {
    const what = `config_path is ${dirs.join(':')}, and not ${certsDir} (${source})`
    return fault('config-path', what, `set containerd.certsDir to the first of these, or ${fix}`)
  }
  if (isAtLeast(version, 2, 2) && old.length === 0 && certsDir === '/etc/containerd/certs.d') {
    return ok('config-path', `config_path is not set, which is ${certsDir} from 2.2 on`)
  }
  return fault(
    'config-path',
    `config_path is not set: hosts.toml files are not read (${source})`,
    fix,
  )
}

/** Measured with 2.1.9: the transfer service takes the whole list for one directory, and finds nothing. */
function judgeTransfer(
  { config }: ContainerdPlace,
  dirs: readonly string[],
  version: string | undefined,
): readonly Finding[] {
  if (!isAtLeast(version, 2, 1)) return []
  const local = config?.localPullKeys ?? []
  const what =
    local.length > 0
      ? `containerd pulls by itself (${local.join(', ')})`
      : 'containerd pulls by its transfer service'
  const isRead = local.length > 0 || dirs.length < 2 || isAtLeast(version, 2, 2)
  if (isRead) return [ok('transfer-service', what)]
  return [
    fault(
      'transfer-service',
      `${what}, which reads no hosts.toml where config_path names several directories (${dirs.join(':')})`,
      'name one directory, or set use_local_image_pull = true',
    ),
  ]
}

/** Whether what containerd holds can be read without asking it. @param wish.isRead this node serves it; else nobody misses it */
export async function judgeContent(
  place: ContainerdPlace,
  answered: Answered,
  { contentDir, isRead }: { readonly contentDir: string | undefined; readonly isRead: boolean },
): Promise<Finding> {
  const known = contentDir ?? answered.running?.contentRoot ?? place.config?.contentRoot
  const path = known ?? '/var/lib/containerd/io.containerd.content.v1.content'
  try {
    await access(path, constants.R_OK | constants.X_OK)
    return ok('content', `${path} can be read`)
  } catch (error) {
    const isAbsent = codeOf(error) === 'ENOENT'
    if (isAbsent && known !== undefined && (await isSeen(dirname(path)))) {
      return ok('content', `${path} comes with the first image`)
    }
    const reason = isAbsent ? 'is not there' : 'cannot be read'
    if (!isRead) return ok('content', `${path} ${reason}, and store.kind needs it not`)
    const fix =
      'run Holdfast as root, and where it has that directory, or name it with containerd.contentDir'
    return warning(
      'content',
      `${path} ${reason}: containerd is asked for its bytes, which is slower`,
      fix,
    )
  }
}

async function isSeen(directory: string): Promise<boolean> {
  return access(directory, constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
}

/** Whether the files of the registries say what install wrote. */
export const judgeHosts = (
  states: readonly HostsState[],
  version: string | undefined,
): readonly Finding[] => states.map(state => judgeFile(state, version))

function judgeFile(state: HostsState, version: string | undefined): Finding {
  const { registry, owner, problem, path, asks, behind, whyAlone } = state
  const id = `hosts:${registry}`
  if (problem !== undefined) {
    return fault(id, `containerd ignores ${path}: ${problem}`, 'mend it, or install with --force')
  }
  if (state.readFrom !== undefined && version !== undefined && !isAtLeast(version, 2, 2)) {
    const what = `containerd ${version} ignores ${path}: the capability "referrers" is known from 2.2 on`
    return fault(
      id,
      what,
      'take it out of there, or out of what --prepend keeps, and install again',
    )
  }
  switch (owner) {
    case 'holdfast':
      if (whyAlone !== undefined) {
        const fix = 'mend that and restart Holdfast, or install with --fallback none to have it so'
        return warning(id, `${registry}: auto is none here: ${whyAlone}`, fix)
      }
      return ok(
        id,
        `${registry} is asked of ${asks.join(', then ')}${behind === undefined ? '' : ` (auto: ${behind} now)`}`,
      )
    case 'edited':
      return warning(id, `${path} was changed since it was written`, 'install with --force')
    case 'k3s':
      return warning(
        id,
        `${path} is written by K3s`,
        'name the mirror in registries.yaml: install shows how',
      )
    case 'nobody':
      return warning(id, `${registry} is not sent to the mirror`, 'holdfast containerd install')
    case 'other':
      return warning(id, `${path} is somebody else's`, 'install; with --prepend its hosts are kept')
  }
}

/** Registries that K3s' own distribution answers before any endpoint of `registries.yaml`. */
export function judgeEmbedded(embedded: readonly string[]): readonly Finding[] {
  if (embedded.length === 0) return []
  const names = embedded.map(keyOf).join(', ')
  const what = `embedded-registry: K3s asks its own nodes before the mirror for ${names}, so a tag may be older than the mirror knows`
  return [
    warning(
      'embedded-registry',
      what,
      'take these out of registries.yaml, or do without embedded-registry',
    ),
  ]
}

/** Versions of Debian and K3s carry more behind the third number. */
function isAtLeast(version: string | undefined, major: number, minor: number): boolean {
  const [, first, second] = /^v?(\d+)\.(\d+)/.exec(version ?? '') ?? []
  if (first === undefined) return false
  return Number(first) > major || (Number(first) === major && Number(second) >= minor)
}
