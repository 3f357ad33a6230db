import { digestAlgorithm, digestHex, digestOf, parseDigest } from '../../src/oci/digest.ts'
import { errorBody, OciError, parseErrorBody } from '../../src/oci/errors.ts'
import { mediaTypeOf, parseManifest } from '../../src/oci/manifest.ts'
import { essence, isManifestType } from '../../src/oci/media-type.ts'
import { choose, formatPlatform, hostPlatform, parsePlatform } from '../../src/oci/platform.ts'
import {
  formatReference,
  isRepositoryName,
  parseReference,
  parseRegistry,
} from '../../src/oci/reference.ts'
import { locateRepository, parseRequestPath } from '../../src/oci/request-path.ts'
import { makeImage, makeReferrer, makeSingleImage } from '../support/image.ts'
import { claim, type FuzzSubject } from './subject.ts'

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

const checks: FuzzSubject['checks'] = {
  digest(text) {
    const digest = parseDigest(text)
    if (digest === undefined) return false
    claim(`${digestAlgorithm(digest)}:${digestHex(digest)}` === text, 'a digest is its parts')
    return true
  },
  reference(text) {
    const reference = parseReference(text)
    claim(isSame(parseReference(formatReference(reference)), reference), 'it reads its own form')
    claim(parseRegistry(reference.registry) === reference.registry, 'its registry is canonical')
    claim(reference.repository.length <= 255, 'its repository is bounded')
    return true
  },
  registry(text) {
    const registry = parseRegistry(text)
    if (registry === undefined) return false
    claim(parseRegistry(registry) === registry, 'a registry is canonical')
    claim(!/[\s/@?#%_]/.test(registry), 'a registry is a host')
    return true
  },
  requestPath(text) {
    const request = parseRequestPath(text)
    if (request instanceof OciError) return false
    if (request.kind === 'base' || request.kind === 'catalog') return true
    claim(!/(?:^|\/)\.{0,2}(?:\/|$)/.test(request.name), 'a name has no empty or dot components')
    const located = locateRepository(request.name, undefined, 'docker.io')
    if (located instanceof OciError) return false
    claim(isRepositoryName(located.repository), 'it is located')
    claim(parseRegistry(located.registry) === located.registry, 'on a canonical registry')
    return true
  },
  ns(text) {
    const located = locateRepository('library/x', text, 'docker.io')
    if (located instanceof OciError) return false
    claim(located.repository === 'library/x', 'ns does not touch the name')
    return true
  },
  platform(text) {
    const platform = parsePlatform(text)
    if (platform === undefined) return false
    claim(isSame(parsePlatform(formatPlatform(platform)), platform), 'it reads its own form')
    claim(choose([{ platform }], platform) !== undefined, 'a platform suits itself')
    return true
  },
  manifest(text) {
    const bytes = Buffer.from(text)
    const told = mediaTypeOf(bytes)
    claim(told === undefined || isManifestType(told), 'only manifests have a type of one')
    const manifest = parseManifest(bytes)
    claim(manifest.mediaType === told, 'both readers tell the same type')
    const parts =
      manifest.kind === 'image' ? [manifest.config, ...manifest.layers] : manifest.manifests
    claim(
      parts.every(part => Number.isSafeInteger(part.size) && part.size >= 0),
      'sizes are sizes',
    )
    claim(
      parts.every(part => parseDigest(part.digest) === part.digest),
      'digests are digests',
    )
    const chosen = choose(parts, hostPlatform())
    claim(chosen === undefined || parts.includes(chosen), 'what is chosen was offered')
    return true
  },
  servedManifest(text) {
    const newline = text.indexOf('\n')
    if (newline < 0) return false
    parseManifest(Buffer.from(text.slice(newline + 1)), text.slice(0, newline))
    return true
  },
  errorBody(text) {
    const errors = parseErrorBody(text)
    claim(errors?.length !== 0, 'no error is no error body')
    return errors !== undefined
  },
  essence(text) {
    const bare = essence(text)
    claim(!bare.includes(';') && essence(bare) === bare, 'an essence is bare')
    return true
  },
}

/** Valid input for every parser. */
function makeSeeds(): readonly string[] {
  const image = makeImage({ attestations: true, platforms: ['linux/amd64', 'linux/arm/v7'] })
  const docker = makeSingleImage({
    flavour: 'docker',
    layers: [1, { foreignUrl: 'https://a.b/c' }],
  })
  const referrer = makeReferrer({ subject: docker, annotations: { made: 'here' } })
  const digests = [image.digest, digestOf(image.bytes, 'sha512')]
  return [
    ...digests,
    ...['nginx', 'docker.io/library/nginx:1.27', '[::1]:5000/a/b:c', `reg.lab/x:1@${digests[0]}`],
    ...['localhost:5000', 'registry-1.docker.io', 'reg.lab:5000', '/v2/', '/v2/_catalog'],
    ...digests.map(digest => `/v2/reg.lab:5000/tags/list/blobs/${digest}`),
    ...['/v2/a/b/manifests/latest', '/v2/x/tags/list', '/v2/x/blobs/uploads/session-1'],
    `/v2/x%2Fy/referrers/${digests[0]?.replace(':', '%3A')}`,
    ...['linux/amd64', 'linux/arm/v7', 'windows/amd64', 'linux/arm64/v8.2'],
    ...[image, docker, referrer].map(({ bytes }) => bytes.toString()),
    ...[image, docker].map(({ mediaType, bytes }) => `${mediaType}; a=b\n${bytes}`),
    docker.config.bytes.toString(),
    errorBody('MANIFEST_UNKNOWN', 'no such manifest', { tag: 'x' }),
  ]
}

/** The parsers of `src/oci`: each refuses with an `OciError` or an absent value, and what it accepts holds together. */
export const ociSubject: FuzzSubject = {
  name: 'oci',
  makeSeeds,
  checks,
  isRefusal: error => error instanceof OciError,
}
