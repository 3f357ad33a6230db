/** The media types of manifests that we understand. */
export const mediaTypes = {
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
} as const

/**
 * The `Accept` header we ask upstreams with, whatever the client sent, so that every node and every client gets one digest for one
 * tag. It has no wildcard: a registry could answer that with schema 1, which has no place here.
 */
export const manifestAccept: string = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
].join(', ')

const indexTypes: ReadonlySet<string> = new Set([mediaTypes.ociIndex, mediaTypes.dockerList])
const imageTypes: ReadonlySet<string> = new Set([mediaTypes.ociManifest, mediaTypes.dockerManifest])
const imageConfigTypes: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
])
const schema1Types: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
])

/** The media type alone out of a `Content-Type` value: no parameters, no space, lower case. */
export function essence(contentType: string): string {
  const semicolon = contentType.indexOf(';')
  return (semicolon < 0 ? contentType : contentType.slice(0, semicolon)).trim().toLowerCase()
}

/** Whether this is the type of an image manifest or of an index, OCI or Docker schema 2. */
export function isManifestType(mediaType: string): boolean {
  return isImageType(mediaType) || isIndexType(mediaType)
}

/** Whether this is the type of an OCI index or a Docker manifest list. */
export function isIndexType(mediaType: string): boolean {
  return indexTypes.has(mediaType)
}

/** Whether this is the type of an image manifest (config and layers), OCI or Docker schema 2. */
export function isImageType(mediaType: string): boolean {
  return imageTypes.has(mediaType)
}

/** Whether this is the type of the config of an image, OCI or Docker; that of an artifact has another. */
export function isImageConfigType(mediaType: string): boolean {
  return imageConfigTypes.has(mediaType)
}

/** Whether this is Docker's first manifest format, signed or not, which nothing here can read. */
export function isSchema1Type(mediaType: string): boolean {
  return schema1Types.has(mediaType)
}

/**
 * Whether registries may not hand this layer on ("foreign" in Docker's words): it has `urls` of its own, is not expected in a registry
 * and does not count for completeness.
 */
export function isNonDistributable(mediaType: string): boolean {
  return (
    mediaType.startsWith('application/vnd.oci.image.layer.nondistributable.') ||
    mediaType.startsWith('application/vnd.docker.image.rootfs.foreign.')
  )
}
