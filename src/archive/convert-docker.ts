import { type Digest, digestOf } from '../oci/digest.ts'
import { parseJson } from '../oci/json.ts'
import { asObject, field, invalid, optionalString, stringList } from '../oci/json-field.ts'
import { maxManifestBytes } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { quote } from '../oci/reference.ts'
import { ArchiveRefusal } from '../ports/archive.ts'
import type { ContentStore } from '../ports/content-store.ts'
import { readName } from './image-names.ts'
import type { Root } from './read-layout.ts'
import { refusing } from './refusing.ts'
import type { TakenEntries, TakenFile } from './take-entries.ts'

/** Images of a docker archive, with the manifests that were made for them. */
export interface Converted {
  readonly roots: readonly Root[]
  readonly manifests: ReadonlyMap<Digest, Buffer>
}

const noNames: ReadonlySet<string> = new Set()
const maxLinks = 8

/**
 * Makes the manifests of the images that `docker save` wrote: out of the files alone, byte for byte as containerd does, so that every
 * node gets the same digest. `undefined` when the archive is none of these.
 * Source: https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md#combined-image-json--filesystem-changeset-format
 */
export async function convertDocker(
  taken: TakenEntries,
  store: Pick<ContentStore, 'get'>,
): Promise<Converted | undefined> {
  const note = taken.notes.get('manifest.json')
  if (note === undefined) return undefined
  const images = refusing('manifest.json', () => readImages(note))
  const roots: Root[] = []
  const manifests = new Map<Digest, Buffer>()
  for (const { config, layers, tags } of images) {
    const bytes = await makeManifest(
      find(taken, config),
      layers.map(path => find(taken, path)),
      store,
    )
    const digest = digestOf(bytes)
    manifests.set(digest, bytes)
    const root = { digest, mediaType: mediaTypes.dockerManifest, size: bytes.length }
    roots.push(...tags.map(tag => ({ ...root, name: readName(tag) })))
    if (tags.length === 0) roots.push({ ...root, name: undefined })
  }
  return { roots, manifests }
}

interface SavedImage {
  readonly config: string
  readonly layers: readonly string[]
  readonly tags: readonly string[]
}

function readImages(note: Buffer): readonly SavedImage[] {
  const list = parseJson(note)
  if (!Array.isArray(list)) throw invalid('', 'must be a list')
  return list.map((item: unknown, index) => {
    const at = `[${index}]`
    const object = asObject(item, at, noNames)
    return {
      config: optionalString(object, 'Config', at) ?? '',
      layers: stringList(object, 'Layers', at) ?? [],
      tags: stringList(object, 'RepoTags', at) ?? [],
    }
  })
}

/** The file that a path names, by way of links. */
function find({ files, links }: TakenEntries, path: string): TakenFile {
  let at = path
  for (let hops = 0; hops <= maxLinks; hops++) {
    const file = files.get(at)
    if (file !== undefined) return file
    const next = links.get(at)
    if (next === undefined) {
      throw new ArchiveRefusal('missing', `manifest.json names ${quote(path)}, which is not there`)
    }
    at = next
  }
  throw new ArchiveRefusal('link', `the links from ${quote(path)} have no end`)
}

async function makeManifest(
  config: TakenFile,
  layers: readonly TakenFile[],
  store: Pick<ContentStore, 'get'>,
): Promise<Buffer> {
  const bytes = await store.get(config.digest, maxManifestBytes)
  if (bytes === undefined)
    throw new ArchiveRefusal('too-large', 'a config that is none by its size')
  const diffIds = refusing('config', () => readDiffIds(bytes))
  if (diffIds.length !== layers.length) {
    const counts = `${diffIds.length} layers in the config, ${layers.length} in manifest.json`
    throw new ArchiveRefusal('manifest', counts)
  }
  layers.forEach((layer, index) => {
    if (typeOf(layer) === layerTypes.plain && layer.digest !== diffIds[index]) {
      throw new ArchiveRefusal('digest', `layer ${index} is not the one that the config names`)
    }
  })
  // The order of the keys is part of the digest.
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.dockerManifest,
    config: describe(config, 'application/vnd.docker.container.image.v1+json'),
    layers: layers.map(layer => describe(layer, typeOf(layer))),
  }
  return Buffer.from(JSON.stringify(manifest))
}

function readDiffIds(bytes: Buffer): readonly string[] {
  const config = asObject(parseJson(bytes), 'config', noNames)
  const rootfs = asObject(field(config, 'rootfs') ?? {}, 'rootfs', noNames)
  return stringList(rootfs, 'diff_ids', 'rootfs') ?? []
}

const describe = ({ digest, size }: TakenFile, mediaType: string) => ({ mediaType, digest, size })

const layerTypes = {
  plain: 'application/vnd.docker.image.rootfs.diff.tar',
  gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
  zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
} as const

function typeOf({ head }: TakenFile): string {
  if (head[0] === 0x1f && head[1] === 0x8b) return layerTypes.gzip
  const isZstd = Buffer.from(head).toString('hex') === '28b52ffd'
  return isZstd ? layerTypes.zstd : layerTypes.plain
}
