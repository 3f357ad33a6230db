import { glob, readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { HoldfastError } from '../../ports/errors.ts'
import { isTable, parseToml, type Table } from './toml.ts'
import { ifThere } from './whole-file.ts'

/** What containerd's configuration says of pulling, its imports included. */
export interface ContainerdConfig {
  readonly path: string
  /** Directories of `hosts.toml` files, in the order in which they are searched. */
  readonly configPath: readonly string[]
  /** Layers are dropped from the content store once they are unpacked. */
  readonly discardUnpackedLayers: boolean
  /** Old keys that containerd reads in place of `hosts.toml` files, or that stop it when both are there. */
  readonly oldRegistryKeys: readonly string[]
  /** Keys that keep 2.1 and later from pulling through the transfer service. */
  readonly localPullKeys: readonly string[]
  readonly contentRoot: string | undefined
  readonly socket: string | undefined
}

/** Reads the file with what it imports; absent where there is none. Throws `HoldfastError` when it cannot be understood. */
export async function readContainerdConfig(path: string): Promise<ContainerdConfig | undefined> {
  const toml = await readMerged(path, new Set())
  return toml === undefined ? undefined : interpret(toml, path)
}

/** What is imported later wins, key by key, as containerd merges it. */
async function readMerged(path: string, seen: Set<string>): Promise<Table | undefined> {
  if (seen.has(path)) return {}
  seen.add(path)
  const text = await ifThere(readFile(path, 'utf8'))
  if (text === undefined) return undefined
  let merged = parseConfig(text, path)
  const imports = merged['imports']
  for (const pattern of Array.isArray(imports) ? imports.map(String) : []) {
    const absolute = isAbsolute(pattern) ? pattern : join(dirname(path), pattern)
    const files: string[] = []
    for await (const file of glob(absolute)) files.push(file)
    for (const file of files.sort()) merged = merge(merged, (await readMerged(file, seen)) ?? {})
  }
  return merged
}

function parseConfig(text: string, path: string): Table {
  const file = parseToml(text)
  if ('toml' in file) return file.toml
  const message = `${path}: ${file.problem}: containerd does not start with it either`
  throw new HoldfastError('config-invalid', message)
}

function merge(one: Table, other: Table): Table {
  const merged: Record<string, unknown> = { ...one }
  for (const [key, value] of Object.entries(other)) {
    const known = merged[key]
    merged[key] = isTable(known) && isTable(value) ? merge(known, value) : value
  }
  return merged
}

/** Sections by version of the file: 3, 2, 1. containerd 2 reads all of them. */
const sections = ['io.containerd.cri.v1.images', 'io.containerd.grpc.v1.cri', 'cri'] as const

function interpret(toml: Table, path: string): ContainerdConfig {
  const plugins = tableAt(toml, 'plugins')
  const images = tableAt(plugins, sections.find(name => isTable(plugins[name])) ?? '')
  const registry = tableAt(images, 'registry')
  const { config_path: dirs, ...others } = registry
  const old = ['mirrors', 'configs', 'auths'].filter(
    key => Object.keys(tableAt(others, key)).length > 0,
  )
  const root = typeof toml['root'] === 'string' ? toml['root'] : undefined
  const inContainerd = tableAt(images, 'containerd')
  const discard = images['discard_unpacked_layers'] ?? inContainerd['discard_unpacked_layers']
  return {
    path,
    configPath: typeof dirs === 'string' ? dirs.split(':').filter(dir => dir !== '') : [],
    discardUnpackedLayers: discard === true,
    oldRegistryKeys: old,
    localPullKeys: localPullKeys({ ...inContainerd, ...images }),
    contentRoot: root === undefined ? undefined : join(root, 'io.containerd.content.v1.content'),
    socket: textAt(tableAt(toml, 'grpc'), 'address'),
  }
}

/** Each measured with 2.1.9, which tells of it in its log. */
function localPullKeys(images: Table): readonly string[] {
  const downloads = images['max_concurrent_downloads'] ?? 3
  const keys = {
    use_local_image_pull: images['use_local_image_pull'] === true,
    disable_snapshot_annotations: images['disable_snapshot_annotations'] === false,
    discard_unpacked_layers: images['discard_unpacked_layers'] === true,
    image_pull_with_sync_fs: images['image_pull_with_sync_fs'] === true,
    max_concurrent_downloads: downloads !== 3,
  }
  return Object.entries(keys).flatMap(([key, isSet]) => (isSet ? [key] : []))
}

function tableAt(table: Table, key: string): Table {
  const value = table[key]
  return isTable(value) ? value : {}
}

function textAt(table: Table, key: string): string | undefined {
  const value = table[key]
  return typeof value === 'string' && value !== '' ? value : undefined
}
