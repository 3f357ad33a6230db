import type { Digest } from '../oci/digest.ts'
import { formatRepository, formatTag, type TagReference } from '../oci/reference.ts'
import { type Absent, isAbsent } from '../pull/absent.ts'
import type { GetManifest, GotManifest } from '../pull/got-manifest.ts'
import type { Resolved, ResolveTag, Unresolved } from '../pull/resolution.ts'
import type { Question } from './mirror-question.ts'
import {
  headerText,
  type RawHeaders,
  sendAnswer,
  sendError,
  shorten,
  warningText,
} from './send-answer.ts'

interface Parts {
  readonly resolveTag: ResolveTag
  readonly getManifest: GetManifest
}

/** Answers questions for manifests. */
export interface AnswerManifest {
  byTag(question: Question, key: TagReference): Promise<void>
  byDigest(question: Question, digest: Digest): Promise<void>
}

/**
 * Manifests, by tag and by digest: the bytes as they are, under their own type whatever `Accept` says. A `Range` is ignored (some
 * containerd 2.1 send one with everything), so are conditions: a 304 would end the pull.
 */
export function createAnswerManifest({ resolveTag, getManifest }: Parts): AnswerManifest {
  return {
    async byTag(question, key) {
      const { isHead, signal } = question
      const answer = await resolveTag(key, { asking: isHead ? 'HEAD' : 'GET', signal })
      if (!answer.found) return sendUnresolved(question, answer)
      if (isHead) {
        const headers = manifestHeaders(question, answer, answer.size, answer.source)
        return sendAnswer(question.response, 200, withAge(headers, answer), undefined)
      }
      const got = await getManifest(question.asked.repository, answer.digest, signal)
      if (isAbsent(got)) return sendAbsent(question, answer.digest, got)
      const headers = manifestHeaders(question, got, got.bytes.length, answer.source)
      sendAnswer(question.response, 200, withAge(headers, answer), got.bytes)
    },
    async byDigest(question, digest) {
      const got = await getManifest(question.asked.repository, digest, question.signal)
      if (isAbsent(got)) return sendAbsent(question, digest, got)
      const headers = manifestHeaders(question, got, got.bytes.length, got.source)
      sendAnswer(question.response, 200, headers, got.bytes)
    },
  }
}

function manifestHeaders(
  { asked }: Question,
  { digest, mediaType }: Pick<Resolved | GotManifest, 'digest' | 'mediaType'>,
  size: number,
  source: string,
): RawHeaders {
  return [
    'Docker-Content-Digest',
    digest,
    'Content-Type',
    headerText(mediaType),
    'Content-Length',
    String(size),
    'OCI-Namespace',
    asked.namespace,
    'Holdfast-Source',
    source,
  ]
}

/** What is not fresh says so: how old it is, where that is known, and why. */
function withAge(headers: RawHeaders, { fresh, ageSeconds, reason }: Resolved): RawHeaders {
  if (fresh) return headers
  if (ageSeconds !== undefined) headers.push('Age', String(ageSeconds))
  headers.push('Warning', warningText(reason))
  return headers
}

function sendUnresolved({ response, asked }: Question, { key, reason, failure }: Unresolved): void {
  const message = `no digest for ${formatTag(key)}`
  const detail = { reason: shorten(reason), failure }
  sendError(response, 404, { code: 'MANIFEST_UNKNOWN', message, detail }, [
    'OCI-Namespace',
    asked.namespace,
  ])
}

function sendAbsent(
  { response, asked }: Question,
  digest: Digest,
  { reason, failure }: Absent,
): void {
  const message = `no manifest ${digest} for ${formatRepository(asked.repository)}`
  const detail = { reason: shorten(reason), failure }
  sendError(response, 404, { code: 'MANIFEST_UNKNOWN', message, detail }, [
    'OCI-Namespace',
    asked.namespace,
  ])
}
