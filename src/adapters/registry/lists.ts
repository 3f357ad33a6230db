import { type Digest, digestAlgorithm, digestHex } from '../../oci/digest.ts'
import { OciError } from '../../oci/errors.ts'
import { type Descriptor, maxManifestBytes, parseManifest } from '../../oci/manifest.ts'
import { manifestAccept, mediaTypes } from '../../oci/media-type.ts'
import { isTag } from '../../oci/reference.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import { readWhole } from './answer-body.ts'
import type { Answered } from './ask.ts'
import { headerOf, protocolFailure } from './classify.ts'
import type { Inquirer, Inquiry } from './inquirer.ts'
import { sameOrigin } from './origin.ts'

/** Pages of one list; what comes after is left out. */
const maxPages = 200
/** Bytes of one page of tags: some registries ignore `n` and send all they have. */
const maxTagPageBytes = 16 * 1024 * 1024
/** Tags asked for in one page; the most that registries allow. */
const pageSize = '1000'

/** All tags of the repository, in the registry's order. */
export async function askTags(inquirer: Inquirer): Promise<readonly string[]> {
  const tags = new Set<string>()
  const first = { path: 'tags/list', query: { n: pageSize } }
  await followPages(inquirer, first, {}, async answer => {
    for (const tag of readTags(answer.url, await readWhole(answer, maxTagPageBytes))) tags.add(tag)
  })
  return [...tags]
}

/**
 * All descriptors of what refers to `digest`. Where the registry lacks the API, an index under a tag made of the digest is looked for:
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#unavailable-referrers-api
 */
export async function askReferrers(
  inquirer: Inquirer,
  digest: Digest,
): Promise<readonly Descriptor[]> {
  const found = new Map<Digest, Descriptor>()
  const headers = { accept: mediaTypes.ociIndex }
  try {
    await followPages(inquirer, { path: `referrers/${digest}` }, headers, async answer => {
      for (const descriptor of await readIndex(answer)) found.set(descriptor.digest, descriptor)
    })
    return [...found.values()]
  } catch (error) {
    if (!isApiAbsent(error)) throw error
    return askReferrersTag(inquirer, digest)
  }
}

async function askReferrersTag(inquirer: Inquirer, digest: Digest): Promise<readonly Descriptor[]> {
  const tag = `${digestAlgorithm(digest)}-${digestHex(digest).slice(0, 64)}`
  const headers = { accept: manifestAccept }
  try {
    return await readIndex(await inquirer.ask({ method: 'GET', path: `manifests/${tag}`, headers }))
  } catch (error) {
    if (error instanceof UpstreamFailure && error.code === 'not-found') return []
    throw error
  }
}

/** Registries without the API answer in many ways, some of them with a router's plain 404. */
function isApiAbsent(error: unknown): boolean {
  if (!(error instanceof UpstreamFailure)) return false
  return error.status !== undefined && [400, 404, 405, 410, 501].includes(error.status)
}

/** Reads the first page and those that `Link: …; rel="next"` leads to, as long as it leads on and stays with the endpoint. */
async function followPages(
  inquirer: Inquirer,
  first: Pick<Inquiry, 'path' | 'query'>,
  headers: Readonly<Record<string, string>>,
  read: (answer: Answered) => Promise<void>,
): Promise<void> {
  const seen = new Set<string>()
  let url: URL | undefined = inquirer.urlOf(first)
  while (url !== undefined && !seen.has(url.href) && seen.size < maxPages) {
    seen.add(url.href)
    const answer: Answered = await inquirer.askNext(url, headers)
    await read(answer)
    url = nextPage(headerOf(answer.headers, 'link'), url)
  }
}

function nextPage(link: string | undefined, from: URL): URL | undefined {
  const found = /<([^>]*)>[^,]*;\s*rel="?next"?/i.exec(link ?? '')?.[1]
  if (found === undefined || !URL.canParse(found, from.href)) return undefined
  const next = new URL(found, from)
  return sameOrigin(next, from) ? next : undefined
}

function readTags(url: string, bytes: Buffer): readonly string[] {
  const page = parseObject(bytes)
  const tags = page !== undefined && 'tags' in page ? page.tags : undefined
  // A repository without tags has `null`.
  if (tags === null) return []
  if (!Array.isArray(tags)) throw protocolFailure(url, 'what is no list of tags')
  return tags.filter((tag): tag is string => typeof tag === 'string' && isTag(tag))
}

function parseObject(bytes: Buffer): object | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString())
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

async function readIndex(answer: Answered): Promise<readonly Descriptor[]> {
  const bytes = await readWhole(answer, maxManifestBytes)
  try {
    const manifest = parseManifest(bytes, mediaTypes.ociIndex)
    if (manifest.kind === 'index') return manifest.manifests
  } catch (error) {
    if (!(error instanceof OciError)) throw error
    throw protocolFailure(answer.url, `what is no list of referrers: ${error.message}`, error)
  }
  throw protocolFailure(answer.url, 'what is no list of referrers')
}
