import {
  askContainerd,
  type Finding,
  judgeConfig,
  judgeContent,
  judgeEmbedded,
  judgeHosts,
} from '../adapters/containerd-setup/check.ts'
import { judgeMirror, judgePorts, judgePull } from '../adapters/containerd-setup/check-mirror.ts'
import { embeddedRegistries } from '../adapters/containerd-setup/k3s-embedded.ts'
import type { ContainerdPlace } from '../adapters/containerd-setup/locate.ts'
import { readStatus } from '../adapters/containerd-setup/status.ts'
import type { Config } from '../config/config.ts'
import { accessToMirror } from './mirror-url.ts'

/** Everything that a pull through the mirror needs, in the order in which it is met. */
export async function checkContainerd(
  config: Config,
  place: ContainerdPlace,
  registries: readonly string[],
  pull: boolean,
): Promise<readonly Finding[]> {
  const { certsDir, registriesYaml } = place
  const mirror = accessToMirror(config, [])
  const { openCri } = await import('../adapters/containerd/cri.ts') // loads gRPC
  const runtime = openCri(place.socket)
  try {
    const containerd = await askContainerd(runtime, place)
    const states = await readStatus(certsDir, registries)
    const embedded =
      registriesYaml === undefined ? [] : await embeddedRegistries(registriesYaml, states)
    const answering = await judgeMirror(mirror)
    const isUp = answering.level === 'ok'
    const configured = judgeConfig(place, containerd)
    // Where one of these is wrong, a pull would ask the name service of the world for an image that is nowhere.
    const needed = [containerd.finding, answering, ...configured]
    const mayPull = pull && needed.every(({ level }) => level !== 'fault')
    return [
      containerd.finding,
      ...configured,
      await judgeContent(place, containerd, {
        contentDir: config.containerd.contentDir,
        isRead: config.store.kind !== 'disk',
      }),
      answering,
      ...(isUp ? [] : await judgePorts(addressesOf(config))),
      ...judgeHosts(states, containerd.version),
      ...judgeEmbedded(embedded),
      ...(mayPull ? [await judgePull(runtime, certsDir, mirror)] : []),
    ]
  } finally {
    runtime.close()
  }
}

/**
 * Why containerd would not read the files of its registries: by what it runs with, or while it does not answer by its own file. Where neither
 * can be told there is nothing to go by, which is a reason, too.
 */
export async function whyUnread(place: ContainerdPlace): Promise<Finding | undefined> {
  const { openCri } = await import('../adapters/containerd/cri.ts') // loads gRPC
  const runtime = openCri(place.socket)
  try {
    const findings = judgeConfig(place, await askContainerd(runtime, place))
    return findings.find(({ id, level }) => level === 'fault' || id === 'config')
  } finally {
    runtime.close()
  }
}

function addressesOf({ mirror, admin, health, peer, mesh }: Config) {
  const alone = { 'mirror.listen': mirror, 'admin.listen': admin, 'health.listen': health }
  const all = mesh.enabled ? { ...alone, 'peer.listen': peer, 'mesh.listen': mesh } : alone
  return Object.entries(all).map(([key, { listen }]) => ({ key, ...listen }))
}
