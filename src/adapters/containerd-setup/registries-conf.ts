import { everyRegistry } from './every-registry.ts'
import type { Behind, MirrorAccess, RegistryAccess } from './hosts-toml.ts'
import { quoted } from './toml.ts'

/**
 * Sends podman, CRI-O, Buildah and Skopeo to the mirror, which they ask by path:
 * https://github.com/containers/image/blob/main/docs/containers-registries.conf.5.md. With nobody behind, the registry's own place is
 * the mirror's: `blocked` would keep them from asking the mirror, too. There is no entry that stands for every registry.
 */
export function writeRegistriesConf(
  registries: readonly RegistryAccess[],
  mirror: MirrorAccess,
  behind: Behind,
): string {
  const tables = registries
    .filter(({ name }) => name !== everyRegistry)
    .map(registry => (behind === 'none' ? onlyMirror(registry, mirror) : before(registry, mirror)))
  return `${tables.join('\n\n')}\n`
}

function onlyMirror({ name }: RegistryAccess, mirror: MirrorAccess): string {
  const others = mirror.targets.map(target => mirrorTable(target, name))
  return [
    ['[[registry]]', `prefix = ${quoted(name)}`, ...location(mirror.url, name)].join('\n'),
    ...others,
  ].join('\n\n')
}

function before({ name, url }: RegistryAccess, mirror: MirrorAccess): string {
  const own = url === undefined || name === 'docker.io' ? name : placeOf(url)
  const isPlain = url?.startsWith('http:') === true
  const lines = ['[[registry]]', `prefix = ${quoted(name)}`, `location = ${quoted(own)}`]
  const mirrors = [mirror.url, ...mirror.targets].map(target => mirrorTable(target, name))
  return [[...lines, ...(isPlain ? ['insecure = true'] : [])].join('\n'), ...mirrors].join('\n\n')
}

const mirrorTable = (url: string, name: string): string =>
  ['[[registry.mirror]]', ...location(url, name)].join('\n')

const location = (url: string, name: string): readonly string[] => [
  `location = ${quoted(`${placeOf(url)}/${name}`)}`,
  ...(url.startsWith('http:') ? ['insecure = true'] : []),
]

/** Without its scheme, which they choose themselves. */
const placeOf = (url: string): string => url.replace(/^https?:\/\//, '').replace(/\/+$/, '')
