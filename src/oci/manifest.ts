import { type Digest, parseDigest } from './digest.ts'
import { OciError } from './errors.ts'
import { type JsonObject, parseJson } from './json.ts'
import { asObject, field, invalid, optionalString, stringList, stringMap } from './json-field.ts'
import { essence, isIndexType, isManifestType, isSchema1Type, mediaTypes } from './media-type.ts'
import type { Platform } from './platform.ts'

/** A pointer to content. Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  /** In an index: what this entry runs on. */
  readonly platform?: Platform | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly artifactType?: string | undefined
  /** Where else the content may be had; of use for non-distributable layers only. */
  readonly urls?: readonly string[] | undefined
}

interface ManifestBase {
  /** What the content says of itself; else what it was served as; else what its parts tell. */
  readonly mediaType: string
  /** The manifest that this one says something about: this one is its referrer. */
  readonly subject?: Descriptor | undefined
  readonly artifactType?: string | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

/** One image for one platform, or an artifact. Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md */
export interface ImageManifest extends ManifestBase {
  readonly kind: 'image'
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

/** Manifests of one image for several platforms. Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md */
export interface ImageIndex extends ManifestBase {
  readonly kind: 'index'
  readonly manifests: readonly Descriptor[]
}

export type Manifest = ImageManifest | ImageIndex

/** Bytes; the size that registries are asked to take at least, and containerd takes at most 8 MiB. */
export const maxManifestBytes: number = 4 * 1024 * 1024

/**
 * Reads a manifest, an index, or their Docker schema 2 forms, trusting nothing in it. What it returns is for our own decisions: a
 * client gets the bytes as they came, because their digest is the contract.
 *
 * @param mediaType the `Content-Type` it was served with; a contradiction between that and the content is refused, as containerd does
 * @throws {@link OciError} `MANIFEST_INVALID`; for Docker schema 1 with a message that says so
 */
export function parseManifest(bytes: Uint8Array, mediaType?: string): Manifest {
  if (bytes.byteLength > maxManifestBytes) {
    throw invalid('', `a manifest of ${bytes.byteLength} bytes, more than ${maxManifestBytes}`)
  }
  const root = asObject(parseJson(bytes), 'manifest', names)
  const type = typeOf(root, mediaType === undefined ? undefined : essence(mediaType))
  const subject = field(root, 'subject')
  const common = {
    mediaType: type,
    ...readCommon(root, ''),
    ...(subject !== undefined && { subject: readDescriptor(subject, 'subject') }),
  }
  if (isIndexType(type)) {
    return { kind: 'index', ...common, manifests: readDescriptors(root, 'manifests') }
  }
  const config = readDescriptor(field(root, 'config'), 'config')
  return { kind: 'image', ...common, config, layers: readDescriptors(root, 'layers') }
}

/**
 * The media type of a manifest, told from its content alone; `undefined` when it is none that {@link parseManifest} could read (a
 * config, a layer, Docker schema 1, not JSON). Does not look into the descriptors.
 */
export function mediaTypeOf(bytes: Uint8Array): string | undefined {
  if (bytes.byteLength > maxManifestBytes || !beginsLikeAnObject(bytes)) return undefined
  try {
    return typeOf(asObject(parseJson(bytes), 'manifest', names), undefined)
  } catch (error) {
    if (error instanceof OciError) return undefined
    throw error
  }
}

/** Spares layers and other binary content the JSON parser. */
function beginsLikeAnObject(bytes: Uint8Array): boolean {
  const whitespace = [0x20, 0x09, 0x0a, 0x0d]
  return bytes.find(byte => !whitespace.includes(byte)) === 0x7b
}

/** Keys of a manifest, a descriptor and a platform. */
const names: ReadonlySet<string> = new Set([
  ...['schemaVersion', 'mediaType', 'artifactType', 'config', 'layers', 'manifests', 'subject'],
  ...['annotations', 'fsLayers', 'digest', 'size', 'urls', 'data', 'platform'],
  ...['os', 'architecture', 'variant', 'os.version', 'os.features'],
])

/** The type the content claims, else the one it was served as, else the one its parts tell; all of them must agree. */
function typeOf(root: JsonObject, servedAs: string | undefined): string {
  const claimed = optionalString(root, 'mediaType', '') || undefined
  refuseOtherVersions(root, [claimed, servedAs])
  if (claimed !== undefined && !isManifestType(claimed)) {
    throw invalid('mediaType', `${JSON.stringify(claimed)} is no image manifest and no index`)
  }
  const served = servedAs !== undefined && isManifestType(servedAs) ? servedAs : undefined
  const type = claimed ?? served ?? typeByParts(root)
  const isIndex = isIndexType(type)
  if (served !== undefined && isIndexType(served) !== isIndex) {
    throw invalid('', `served as ${served}, but the content is ${type}`)
  }
  const foreign = (isIndex ? ['config', 'layers'] : ['manifests']).find(
    key => field(root, key) !== undefined,
  )
  if (foreign !== undefined) throw invalid('', `a manifest of type ${type} has no ${foreign}`)
  return type
}

function refuseOtherVersions(root: JsonObject, types: readonly (string | undefined)[]): void {
  const version = field(root, 'schemaVersion')
  const isSchema1 = types.some(type => type !== undefined && isSchema1Type(type))
  if (isSchema1 || version === 1 || field(root, 'fsLayers') !== undefined) {
    throw invalid('', 'Docker schema 1 manifests are not supported: push the image again')
  }
  if (version !== undefined && version !== 2) throw invalid('schemaVersion', 'must be 2')
}

function typeByParts(root: JsonObject): string {
  const manifests = field(root, 'manifests')
  if (manifests !== undefined) {
    const first: unknown = Array.isArray(manifests) ? manifests[0] : undefined
    return isDocker(first) ? mediaTypes.dockerList : mediaTypes.ociIndex
  }
  const config = field(root, 'config')
  // The config of an image has a `config` as well; that one points nowhere.
  const pointsToConfig = typeof config === 'object' && config !== null && 'digest' in config
  if (!pointsToConfig && field(root, 'layers') === undefined) {
    throw invalid('', 'neither an image manifest nor an index')
  }
  return isDocker(config) ? mediaTypes.dockerManifest : mediaTypes.ociManifest
}

/** Whether a descriptor, unread yet, has one of Docker's types. */
function isDocker(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('mediaType' in value)) return false
  const { mediaType } = value
  return typeof mediaType === 'string' && mediaType.startsWith('application/vnd.docker.')
}

function readDescriptors(root: JsonObject, key: string): readonly Descriptor[] {
  const value = field(root, key) ?? []
  if (!Array.isArray(value)) throw invalid(key, 'must be a list')
  return value.map((item, index) => readDescriptor(item, `${key}[${index}]`))
}

/** Printable, because it ends up in headers and logs. */
const mediaTypeGrammar = /^[!-~](?:[ -~]{0,253}[!-~])?$/

function readDescriptor(value: unknown, at: string): Descriptor {
  if (value === undefined) throw invalid(at, 'is missing')
  const object = asObject(value, at, names)
  const mediaType = optionalString(object, 'mediaType', at) ?? ''
  if (!mediaTypeGrammar.test(mediaType)) throw invalid(at, 'must have a mediaType')
  const digestText = optionalString(object, 'digest', at) ?? ''
  const digest = parseDigest(digestText)
  if (digest === undefined) {
    throw invalid(at, `no sha256 or sha512 digest: ${JSON.stringify(digestText.slice(0, 150))}`)
  }
  const platform = field(object, 'platform')
  const urls = stringList(object, 'urls', at)
  return {
    mediaType,
    digest,
    size: readSize(object, at),
    ...readCommon(object, at),
    ...(platform !== undefined && { platform: readPlatform(platform, `${at}.platform`) }),
    ...(urls !== undefined && { urls }),
  }
}

function readSize(object: JsonObject, at: string): number {
  const size = field(object, 'size')
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
    throw invalid(at, 'size must be a whole number of bytes')
  }
  return size + 0 // -0 is 0
}

/** What manifests and descriptors have in common. */
function readCommon(
  object: JsonObject,
  at: string,
): Pick<Descriptor, 'annotations' | 'artifactType'> {
  const annotations = stringMap(object, 'annotations', at)
  const artifactType = optionalString(object, 'artifactType', at)
  return {
    ...(annotations !== undefined && { annotations }),
    ...(artifactType !== undefined && { artifactType }),
  }
}

/** An absent `os` or `architecture` is the empty text, as it is to containerd. */
function readPlatform(value: unknown, at: string): Platform {
  const object = asObject(value, at, names)
  const variant = optionalString(object, 'variant', at)
  const osVersion = optionalString(object, 'os.version', at)
  const osFeatures = stringList(object, 'os.features', at)
  return {
    os: optionalString(object, 'os', at) ?? '',
    architecture: optionalString(object, 'architecture', at) ?? '',
    ...(variant !== undefined && { variant }),
    ...(osVersion !== undefined && { osVersion }),
    ...(osFeatures !== undefined && { osFeatures }),
  }
}
