import type { Digest } from '../../src/oci/digest.ts'
import type { Descriptor } from '../../src/oci/manifest.ts'
import type { Platform } from '../../src/oci/platform.ts'
import { blob, descriptorOf, jsonBlob, type TestBlob } from './blob.ts'
import { type LayerSpec, makeLayer } from './layer.ts'

/** The part of an image config that a runtime looks at; goes into the image as it is. */
interface RunConfig {
  readonly Cmd?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Env?: readonly string[]
  readonly User?: string
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
}

export interface SingleImageOptions {
  /** Default `linux/amd64`. */
  readonly platform?: string
  /** Default: one layer of 1 KiB. */
  readonly layers?: readonly LayerSpec[]
  readonly config?: RunConfig
  /** Images with different salts share no manifest, config or layer (layers of given files excepted: those are what they are). */
  readonly salt?: string
  /** Which family of media types. Default `oci`. */
  readonly flavour?: 'oci' | 'docker'
  /** On each image manifest. */
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ImageOptions extends Omit<SingleImageOptions, 'platform'> {
  /** Default `linux/amd64` and `linux/arm64`. */
  readonly platforms?: readonly string[]
  /** Adds an `unknown/unknown` entry after each platform, as BuildKit does. */
  readonly attestations?: boolean
  /** `false` leaves the platforms out of the index. Default `true`. */
  readonly platformFields?: boolean
}

/** A manifest of a test image with what it refers to. */
export interface TestManifest extends TestBlob {
  readonly config: TestBlob
  /** Only the distributable ones. */
  readonly layers: readonly TestBlob[]
  /** Config, layers and the manifest itself. */
  readonly blobs: ReadonlyMap<Digest, Buffer>
}

/** A multi-platform image: it is its own index (`digest`, `mediaType`, `size`, `bytes`: what a tag points to). */
export interface TestImage extends TestBlob {
  /** In the order of `platforms`. */
  readonly manifests: readonly TestManifest[]
  /** Everything, the index included. */
  readonly blobs: ReadonlyMap<Digest, Buffer>
  /** The manifest of one platform; throws when the image has none. */
  for(platform: string): TestManifest
}

const mediaTypes = {
  oci: {
    index: 'application/vnd.oci.image.index.v1+json',
    manifest: 'application/vnd.oci.image.manifest.v1+json',
    config: 'application/vnd.oci.image.config.v1+json',
    layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
    foreign: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  },
  docker: {
    index: 'application/vnd.docker.distribution.manifest.list.v2+json',
    manifest: 'application/vnd.docker.distribution.manifest.v2+json',
    config: 'application/vnd.docker.container.image.v1+json',
    layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    foreign: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  },
} as const

/**
 * A real image for several platforms, made without tools and network: equal options give equal bytes. Layers are different per platform
 * and salt, valid gzip-compressed tar, and can be unpacked and run by a container runtime.
 */
export function makeImage(options: ImageOptions = {}): TestImage {
  const types = mediaTypes[options.flavour ?? 'oci']
  const platforms = options.platforms ?? ['linux/amd64', 'linux/arm64']
  const manifests = platforms.map(platform => makeSingleImage({ ...options, platform }))
  const attestations = options.attestations ? manifests.map(attest) : []
  const entries = [...manifests, ...attestations].map(manifest => {
    const { mediaType, digest, size, annotations } = manifest
    const platform = options.platformFields === false ? undefined : wirePlatform(manifest.platform)
    return { mediaType, digest, size, platform, annotations }
  })
  const index = jsonBlob(types.index, {
    schemaVersion: 2,
    mediaType: types.index,
    manifests: entries,
  })
  return {
    ...index,
    manifests,
    blobs: new Map([
      ...[...manifests, ...attestations].flatMap(manifest => [...manifest.blobs]),
      [index.digest, index.bytes],
    ]),
    for(platform) {
      const found = manifests[platforms.indexOf(platform)]
      if (found === undefined) throw new Error(`the test image has no ${platform}`)
      return found
    },
  }
}

/** An image for one platform, without an index. */
export function makeSingleImage(options: SingleImageOptions = {}): TestManifest {
  const types = mediaTypes[options.flavour ?? 'oci']
  const platformText = options.platform ?? 'linux/amd64'
  const seed = `${options.salt ?? ''}\n${platformText}`
  const platform = readPlatform(platformText)
  const layers = (options.layers ?? [1024]).map((spec, index) =>
    makeLayer(spec, platformText, `${seed}\n${index}`, types),
  )
  const config = jsonBlob(types.config, {
    ...wirePlatform(platform),
    config: { Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'], ...options.config },
    rootfs: { type: 'layers', diff_ids: layers.map(layer => layer.diffId) },
    history: layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: seed })),
  })
  const manifest = jsonBlob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(config),
    layers: layers.map(layer => descriptorOf(layer.blob)),
    annotations: options.annotations,
  })
  const distributable = layers.filter(layer => !layer.isForeign).map(layer => layer.blob)
  return withBlobs({ ...manifest, platform }, config, distributable)
}

/** What an artifact is about and what it says. */
export interface ReferrerOptions {
  readonly subject: Descriptor
  /** Default `application/vnd.example.signature.v1`. */
  readonly artifactType?: string
  /** Content of its one layer. Default a few words. */
  readonly payload?: Uint8Array | string
  readonly annotations?: Readonly<Record<string, string>>
}

/** An artifact that refers to a manifest (a signature, an SBOM): what the referrers API lists. */
export function makeReferrer(options: ReferrerOptions): TestManifest {
  const artifactType = options.artifactType ?? 'application/vnd.example.signature.v1'
  const payload = blob(artifactType, Buffer.from(options.payload ?? 'signed, a tester'))
  const config = blob('application/vnd.oci.empty.v1+json', Buffer.from('{}'))
  const { mediaType, digest, size } = options.subject
  const manifest = jsonBlob(mediaTypes.oci.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.oci.manifest,
    artifactType,
    config: descriptorOf(config),
    layers: [descriptorOf(payload)],
    subject: { mediaType, digest, size },
    annotations: options.annotations,
  })
  const { annotations } = options
  return withBlobs({ ...manifest, artifactType, ...(annotations && { annotations }) }, config, [
    payload,
  ])
}

/** What BuildKit puts beside an image: an in-toto statement that claims to be for no platform. */
function attest(image: TestManifest): TestManifest {
  const statement = blob(
    'application/vnd.in-toto+json',
    Buffer.from(JSON.stringify({ _type: 'statement', subject: image.digest })),
  )
  const platform: Platform = { os: 'unknown', architecture: 'unknown' }
  const config = jsonBlob(mediaTypes.oci.config, { ...platform, rootfs: { type: 'layers' } })
  const manifest = jsonBlob(mediaTypes.oci.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.oci.manifest,
    config: descriptorOf(config),
    layers: [descriptorOf(statement)],
  })
  const annotations = {
    'vnd.docker.reference.type': 'attestation-manifest',
    'vnd.docker.reference.digest': image.digest,
  }
  return withBlobs({ ...manifest, platform, annotations }, config, [statement])
}

function withBlobs(
  manifest: TestBlob,
  config: TestBlob,
  layers: readonly TestBlob[],
): TestManifest {
  const all = [...layers, config, manifest]
  return { ...manifest, config, layers, blobs: new Map(all.map(b => [b.digest, b.bytes])) }
}

/** As written: real indexes say `arm64` with `v8`, and without. */
function readPlatform(text: string): Platform {
  const [os = '', architecture = '', variant] = text.split('/')
  return { os, architecture, ...(variant !== undefined && { variant }) }
}

const wirePlatform = (platform: Platform | undefined): object | undefined =>
  platform && {
    architecture: platform.architecture,
    os: platform.os,
    variant: platform.variant,
  }
