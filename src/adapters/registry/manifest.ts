import { type Digest, digestAlgorithm, digestOf, parseDigest } from '../../oci/digest.ts'
import { OciError } from '../../oci/errors.ts'
import { maxManifestBytes, mediaTypeOf, parseManifest } from '../../oci/manifest.ts'
import { essence, isManifestType, isSchema1Type, manifestAccept } from '../../oci/media-type.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import type { ManifestAnswer, TagAnswer } from '../../ports/upstream.ts'
import { dateOf, discard, lengthOf, readWhole } from './answer-body.ts'
import type { Answered } from './ask.ts'
import { headerOf, protocolFailure } from './classify.ts'
import type { Inquirer } from './inquirer.ts'
import { describeUrl } from './origin.ts'

const headers = { accept: manifestAccept }

/**
 * Asks which manifest a tag names. A HEAD tells it where its headers are complete and plausible; else the manifest itself is fetched,
 * and hashed if the registry does not say its digest.
 */
export async function askTag(inquirer: Inquirer, tag: string): Promise<TagAnswer> {
  const path = `manifests/${tag}`
  const first = await inquirer.ask({ method: 'HEAD', path, headers })
  refuseSchema1(first)
  const named = first.method === 'HEAD' ? readTarget(first) : undefined
  if (named !== undefined) return { ...named, ...sourceOf(inquirer, first), manifest: undefined }
  const answer =
    first.method === 'GET' ? first : await inquirer.ask({ method: 'GET', path, headers })
  const { digest, mediaType, bytes } = await readManifest(answer, undefined)
  refuseNonsense(answer.url, bytes, mediaType)
  return {
    digest,
    mediaType,
    size: bytes.length,
    ...sourceOf(inquirer, answer),
    manifest: bytes,
  }
}

/** Fetches a manifest; its bytes hash to `digest`. */
export async function askManifest(inquirer: Inquirer, digest: Digest): Promise<ManifestAnswer> {
  const answer = await inquirer.ask({ method: 'GET', path: `manifests/${digest}`, headers })
  return readManifest(answer, digest)
}

/** Digest, type and size from the headers of a HEAD, when all of them are there and make sense. */
function readTarget(answer: Answered) {
  const digest = parseDigest(headerOf(answer.headers, 'docker-content-digest') ?? '')
  const mediaType = servedType(answer)
  const size = lengthOf(answer)
  const isEncoded = answer.headers['content-encoding'] !== undefined
  if (digest === undefined || !isManifestType(mediaType) || isEncoded) return undefined
  if (size === undefined || size === 0 || size > maxManifestBytes) return undefined
  return { digest, mediaType, size }
}

function sourceOf({ endpoint }: Inquirer, answer: Answered) {
  const { overVerifiedTls: overTls } = answer
  return { dateMs: dateOf(answer), overTls, endpoint: describeUrl(endpoint.url) }
}

/** @param wanted the digest asked for; without one it is the one the registry names, or what the bytes hash to */
async function readManifest(answer: Answered, wanted: Digest | undefined): Promise<ManifestAnswer> {
  refuseSchema1(answer)
  refuseOversize(answer)
  const bytes = await readWhole(answer, maxManifestBytes)
  const named = parseDigest(headerOf(answer.headers, 'docker-content-digest') ?? '')
  const digest = wanted ?? named ?? digestOf(bytes)
  const found = digestOf(bytes, digestAlgorithm(digest))
  if (found !== digest) {
    const message = `${describeUrl(answer.url)} answered with bytes of ${found} as ${digest}`
    throw new UpstreamFailure('unreachable', 'wrong-digest', message)
  }
  const served = servedType(answer)
  const mediaType = isManifestType(served) ? served : (mediaTypeOf(bytes) ?? served)
  return { digest, mediaType, bytes }
}

function servedType({ headers }: Answered): string {
  return essence(headerOf(headers, 'content-type') ?? '')
}

/** What a tag names must be a manifest: whatever else answers 200 with something (a portal's JSON) has no digest that proves it. */
function refuseNonsense(url: string, bytes: Buffer, mediaType: string): void {
  try {
    parseManifest(bytes, mediaType)
  } catch (error) {
    if (!(error instanceof OciError)) throw error
    throw protocolFailure(url, `what is no manifest: ${error.message}`, error)
  }
}

/** Announced with all that a registry says of a manifest: it has one, but none that anybody takes. Its other tags are as good as ever. */
function refuseOversize(answer: Answered): void {
  const { headers, url, body } = answer
  const isNamed = parseDigest(headerOf(headers, 'docker-content-digest') ?? '') !== undefined
  const size = lengthOf(answer) ?? 0
  if (!isNamed || !isManifestType(servedType(answer)) || size <= maxManifestBytes) return
  discard(body)
  const message = `${describeUrl(url)} is a manifest of ${size} bytes; more than ${maxManifestBytes} are not supported`
  throw new UpstreamFailure('not-found', 'not-found', message)
}

/** A registry's word, and no reason to doubt it: there is nothing of this name that we could hand on. */
function refuseSchema1(answer: Answered): void {
  if (!isSchema1Type(servedType(answer))) return
  discard(answer.body)
  const message = `${describeUrl(answer.url)} is a Docker schema 1 manifest, which is not supported: push the image again`
  throw new UpstreamFailure('not-found', 'not-found', message)
}
