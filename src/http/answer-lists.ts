import type { Digest } from '../oci/digest.ts'
import type { Descriptor } from '../oci/manifest.ts'
import { formatRepository } from '../oci/reference.ts'
import { isAbsent } from '../pull/absent.ts'
import type { ListReferrers } from '../pull/list-referrers.ts'
import type { ListTags } from '../pull/list-tags.ts'
import type { Asked, Question } from './mirror-question.ts'
import { queryValue } from './query-value.ts'
import { type RawHeaders, sendError, sendJson, shorten, warningText } from './send-answer.ts'

const indexType = 'application/vnd.oci.image.index.v1+json'

/** Answers a question for a repository's tags. */
export type AnswerTags = (question: Question) => Promise<void>

/**
 * `tags/list`, a page at a time when `n` asks for it.
 * Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 */
export function createAnswerTags({ listTags }: { readonly listTags: ListTags }): AnswerTags {
  return async question => {
    const { asked, response, signal } = question
    const { query, repository } = asked
    const page = readPage(query)
    if (page === undefined) {
      const message = 'n is a whole number, 0 or more'
      return sendError(response, 400, { code: 'PAGINATION_NUMBER_INVALID', message })
    }
    const listed = await listTags(repository, signal)
    if (isAbsent(listed)) {
      const message = `no tags known of ${formatRepository(repository)}`
      const detail = { reason: shorten(listed.reason), failure: listed.failure }
      return sendError(response, 404, { code: 'NAME_UNKNOWN', message, detail })
    }
    const { tags, isLast } = cutPage(listed.tags, page)
    const headers = listHeaders(question, listed.source)
    if (listed.source === 'ledger') headers.push('Warning', warningText(tagsFromMemory))
    const next = tags.at(-1)
    if (!isLast && next !== undefined) headers.push('Link', linkTo(question.asked, page.n, next))
    sendJson(response, 200, headers, JSON.stringify({ name: repository.repository, tags }))
  }
}

interface Page {
  readonly n: number
  readonly last: string | undefined
}

function readPage(query: string): Page | undefined {
  const n = queryValue(query, 'n')
  const last = queryValue(query, 'last')
  if (n === undefined) return { n: Number.POSITIVE_INFINITY, last }
  return /^\d{1,15}$/.test(n) ? { n: Number(n), last } : undefined
}

function cutPage(
  listed: readonly string[],
  { n, last }: Page,
): { readonly tags: readonly string[]; readonly isLast: boolean } {
  const rest = last === undefined ? listed : listed.filter(tag => tag > last)
  return { tags: rest.slice(0, n), isLast: rest.length <= n }
}

/** Relative, so that it holds whatever name and port the client reached us by. */
function linkTo({ path, query }: Asked, n: number, last: string): string {
  const ns = queryValue(query, 'ns')
  const parameters = new URLSearchParams({
    n: String(n),
    last,
    ...(ns === undefined ? {} : { ns }),
  })
  return `<${path}?${parameters}>; rel="next"`
}

/** Answers a question for what refers to a digest. */
export type AnswerReferrers = (question: Question, subject: Digest) => Promise<void>

/**
 * Referrers as an index, an empty one where none are known: the spec has no 404 here for a registry that knows the API.
 * Source: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export function createAnswerReferrers({
  listReferrers,
}: {
  readonly listReferrers: ListReferrers
}): AnswerReferrers {
  return async (question, subject) => {
    const { asked, response, signal } = question
    const { query, repository } = asked
    const listed = await listReferrers(repository, subject, signal)
    const descriptors = isAbsent(listed) ? [] : listed.descriptors
    const headers = listHeaders(question, isAbsent(listed) ? 'none' : listed.source)
    const caution = cautionOf(listed)
    if (caution !== undefined) headers.push('Warning', warningText(caution))
    const artifactType = queryValue(query, 'artifactType')
    if (artifactType !== undefined) headers.push('OCI-Filters-Applied', 'artifactType')
    const json = JSON.stringify({
      schemaVersion: 2,
      mediaType: indexType,
      manifests: descriptors.filter(one => isOfType(one, artifactType)),
    })
    sendJson(response, 200, headers, json, indexType)
  }
}

const tagsFromMemory = 'upstream could not be asked: these are the tags seen so far'

/** An empty or old list of somebody who could not be asked is not the same as none, so it says so. */
function cautionOf(listed: Awaited<ReturnType<ListReferrers>>): string | undefined {
  if (!isAbsent(listed)) {
    const isMemory = listed.source === 'store'
    return isMemory ? 'upstream could not be asked: these are the referrers seen so far' : undefined
  }
  const isKnownEmpty = listed.failure === undefined || listed.failure === 'not-found'
  return isKnownEmpty ? undefined : listed.reason
}

const isOfType = (descriptor: Descriptor, artifactType: string | undefined): boolean =>
  artifactType === undefined || descriptor.artifactType === artifactType

function listHeaders({ asked }: Question, source: string): RawHeaders {
  return ['OCI-Namespace', asked.namespace, 'Holdfast-Source', source]
}
