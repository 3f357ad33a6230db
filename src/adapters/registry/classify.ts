import { parseErrorBody } from '../../oci/errors.ts'
import { essence } from '../../oci/media-type.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import { describeUrl } from './origin.ts'

/** Headers of an answer, names in lower case. */
type AnswerHeaders = Readonly<Record<string, string | string[]>>

/** An answer that is not the one asked for, its body read (bounded) as text. */
interface RefusedAnswer {
  readonly status: number
  readonly headers: AnswerHeaders
  /** Empty for a HEAD. */
  readonly body: string
  readonly url: string
}

/** The longest that a 429 is honoured, in ms, whatever it asks for: its limit may be gone long before. */
const maxRetryAfterMs = 60_000
/** How long a 429 that names no time is honoured, in ms. */
const defaultRetryAfterMs = 15_000

/** One header as text; of several with that name the first. */
export function headerOf(headers: AnswerHeaders, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

/** Whether a page for people came where a registry speaks to machines. */
export function isPage(headers: AnswerHeaders): boolean {
  const type = essence(headerOf(headers, 'content-type') ?? '')
  return type === 'text/html' || type === 'application/xhtml+xml'
}

/** Whether the answer tells how to authenticate: only something like a registry does. */
export function hasChallenge(headers: AnswerHeaders): boolean {
  return headers['www-authenticate'] !== undefined
}

/**
 * Whether a registry said this. Login gateways, proxies and web servers answer in 4xx too; what they lack is the error body of the
 * distribution spec. Docker's own registry names itself in a header also where its router answers in plain text.
 */
function isRegistrysWord({ headers, body }: RefusedAnswer): boolean {
  if (parseErrorBody(body) !== undefined) return true
  return headers['docker-distribution-api-version'] !== undefined && !isPage(headers)
}

/**
 * Whether a HEAD was refused in a way that only a GET can explain: with a 4xx, whose body says who wrote it, or where the registry may
 * stumble over the method alone, as some do whose GET is well.
 */
export function needsGet({ status, headers }: Pick<RefusedAnswer, 'status' | 'headers'>): boolean {
  if (status === 429 || (status === 401 && hasChallenge(headers))) return false
  return (status >= 400 && status < 500) || status === 500 || status === 501
}

/** What an answer other than the one asked for means: the port's failure classes. `wallMs` is for dates in `Retry-After`. */
export function classifyRefusal(answer: RefusedAnswer, wallMs: number): UpstreamFailure {
  const { status, headers } = answer
  if (status === 429) return rateLimited(answer, wallMs)
  // What gateways with a login page are to say: https://www.rfc-editor.org/rfc/rfc6585#section-6
  if (status === 511) return portal(answer, 'a demand to log in to the network')
  if (status < 400 || status >= 500) return unnamed(answer)
  const isDenial = status === 401 || status === 403
  if (isDenial && hasChallenge(headers)) return denied(answer)
  if (!isRegistrysWord(answer)) return portal(answer, `${status} that no registry wrote`)
  if (isDenial) return denied(answer)
  return status === 404 || status === 410 ? notFound(answer) : unnamed(answer)
}

/** The failure for a page, a redirect to one or anything else that stands in a registry's place. */
export function portal(
  { status, url }: Pick<RefusedAnswer, 'status' | 'url'>,
  what: string,
): UpstreamFailure {
  return new UpstreamFailure('unreachable', 'portal', `${describeUrl(url)} answered with ${what}`, {
    status,
  })
}

/** The failure for an answer that breaks the protocol, with what is wrong in it. */
export function protocolFailure(url: string, what: string, cause?: unknown): UpstreamFailure {
  const message = `${describeUrl(url)} answered with ${what}`
  return new UpstreamFailure('unreachable', 'protocol', message, { cause })
}

function unnamed({ status, url, body }: RefusedAnswer): UpstreamFailure {
  const message = `${describeUrl(url)} answered ${status}${wordsOf(body)}`
  return new UpstreamFailure('unreachable', 'status', message, { status })
}

function denied({ status, url, body }: RefusedAnswer): UpstreamFailure {
  const message = `${describeUrl(url)} denied access${wordsOf(body)}`
  return new UpstreamFailure('denied', 'denied', message, { status })
}

function notFound({ status, url, body }: RefusedAnswer): UpstreamFailure {
  const message = `${describeUrl(url)} does not exist${wordsOf(body)}`
  return new UpstreamFailure('not-found', 'not-found', message, { status })
}

function rateLimited({ status, url, headers }: RefusedAnswer, wallMs: number): UpstreamFailure {
  const retryAfterMs = readRetryAfter(headerOf(headers, 'retry-after'), wallMs)
  const message = `${describeUrl(url)} asks for a pause of ${Math.ceil(retryAfterMs / 1000)} s`
  return new UpstreamFailure('rate-limited', 'rate-limited', message, { status, retryAfterMs })
}

/**
 * Reads `Retry-After`, seconds or a date (RFC 9110 section 10.2.3), into ms between one second and {@link maxRetryAfterMs}. What
 * cannot be read counts as absent.
 */
export function readRetryAfter(value: string | undefined, wallMs: number): number {
  const text = value?.trim() ?? ''
  const untilMs = /^\d+$/.test(text) ? wallMs + Number(text) * 1000 : readHttpDate(text)
  if (untilMs === undefined) return defaultRetryAfterMs
  return Math.min(Math.max(untilMs - wallMs, 1000), maxRetryAfterMs)
}

const imfDate = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/

/** Reads the one date form that servers may send (RFC 9110 section 5.6.7) into ms since the epoch; `Date.parse` alone takes anything. */
export function readHttpDate(text: string): number | undefined {
  const dateMs = imfDate.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(dateMs) ? undefined : dateMs
}

/** What follows must look like a credential: "basic authentication" stays. */
const sentCredentials = /\b(Basic|Bearer|basic|bearer)\s+(?=[\w+/.~-]*[A-Z0-9=])[\w+/.~-]{3,}=*/g

/** What the registry itself says, cut short: it ends in logs, answers and terminals. */
function wordsOf(body: string): string {
  const [error] = parseErrorBody(body) ?? []
  if (error === undefined) return ''
  // Some repeat what they were sent, and who stands in a registry's place may write what he likes.
  const words = error.message.replace(/\p{C}+/gu, ' ').replace(sentCredentials, '$1 ***')
  return `: ${error.code} ${words}`.slice(0, 200).trimEnd()
}
