import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { pack } from 'tar-stream'
import { configOf, type Origin, platformOf } from './config.ts'
import type { Architecture } from './entry.ts'
import type { Layer } from './layer.ts'

/** The layers for one processor, the lowest first. */
export interface PlatformImage {
  readonly architecture: Architecture
  readonly layers: readonly Layer[]
}

export interface ArchiveOptions {
  /** The full name of the image: `ghcr.io/holdfast/holdfast:0.1.0`. */
  readonly name: string
  readonly origin: Origin
  readonly labels: Readonly<Record<string, string>>
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

const types = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const

/**
 * Writes the image for all processors as an OCI image layout in a tar: https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 * Resolves with its digest. Equal images are equal files.
 */
export async function writeArchive(
  path: string,
  images: readonly PlatformImage[],
  { name, origin, labels }: ArchiveOptions,
): Promise<string> {
  const blobs = new Map<string, Buffer>()
  const put = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const putJson = (mediaType: string, value: object): Descriptor =>
    put(mediaType, Buffer.from(JSON.stringify(value)))

  const manifests = images.map(({ architecture, layers }) => {
    const config = configOf(layers, { architecture, timeS: origin.timeS, labels })
    const manifest = putJson(types.manifest, {
      schemaVersion: 2,
      mediaType: types.manifest,
      config: putJson(types.config, config),
      layers: layers.map(({ bytes }) => put(types.layer, bytes)),
      annotations: labels,
    })
    return { ...manifest, platform: platformOf(architecture) }
  })
  const image = putJson(types.index, {
    schemaVersion: 2,
    mediaType: types.index,
    manifests,
    annotations: labels,
  })

  // Of the two names containerd reads the first, podman and skopeo the second.
  const annotations = {
    'io.containerd.image.name': name,
    'org.opencontainers.image.ref.name': name,
  }
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [{ ...image, annotations }] }
  await writeTar(path, [
    ['oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}')],
    ['index.json', Buffer.from(JSON.stringify(index))],
    // Manifests before what they refer to: they were put last.
    ...[...blobs].reverse().map(([digest, bytes]) => [blobPath(digest), bytes] as const),
  ])
  return image.digest
}

const blobPath = (digest: string): string => `blobs/${digest.replace(':', '/')}`

async function writeTar(
  path: string,
  files: readonly (readonly [name: string, bytes: Buffer])[],
): Promise<void> {
  const tar = pack()
  const written = pipeline(tar as AsyncIterable<Uint8Array>, createWriteStream(path))
  for (const [name, bytes] of files) tar.entry({ name, mtime: new Date(0) }, bytes)
  tar.finalize()
  await written
}
