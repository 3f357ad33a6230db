import { essence } from '../../oci/media-type.ts'
import { UpstreamFailure } from '../../ports/errors.ts'
import { basicHeader, type Credential } from './credential.ts'
import { failureOf } from './failure.ts'
import { describeUrl } from './origin.ts'
import type { EndpointSettings } from './settings.ts'
import type { HttpAnswer, Transport } from './transport.ts'

/** What is asked of a token host. */
export interface TokenQuestion {
  readonly endpoint: EndpointSettings
  readonly realm: URL
  readonly service: string | undefined
  /** Separated by blanks; `''` for none. */
  readonly scope: string
  /** `undefined`: an anonymous token is asked for. */
  readonly credential: Exclude<Credential, { kind: 'bearer' }> | undefined
  /** On a connection of its own, as the kept ones may be dead. */
  readonly isAside: boolean
}

/** A token and how long it holds, ms from now. */
export interface Token {
  readonly token: string
  readonly lifeMs: number
}

interface TokenAnswer {
  readonly token?: unknown
  readonly access_token?: unknown
  readonly expires_in?: unknown
  readonly issued_at?: unknown
}

const maxAnswerBytes = 512 * 1024
// https://distribution.github.io/distribution/spec/auth/token/: 60 s when nothing is said.
const defaultLifeMs = 60_000
const longestLifeMs = 24 * 3_600_000

/**
 * Asks a token host for a token: GET as in distribution's token specification, POST as in its OAuth2 one for a refresh token.
 * `undefined` when it denies one.
 * @throws UpstreamFailure `unreachable`/`token` when it does not answer as a token host; `clock` as the transport
 */
export async function askForToken(
  transport: Pick<Transport, 'request'>,
  question: TokenQuestion,
  signal: AbortSignal,
): Promise<Token | undefined> {
  const { credential } = question
  try {
    if (credential?.kind !== 'identity')
      return await read(question, await get(transport, question, signal))
    const posted = await post(transport, question, credential.token, signal)
    // Hosts without OAuth2 take the refresh token as a password, as Docker's own tools do.
    if (posted.status !== 404 && posted.status !== 405) return await read(question, posted)
    posted.body.destroy()
    const { username, token } = credential
    const asBasic = {
      ...question,
      credential: { kind: 'basic', username, password: token },
    } as const
    return await read(asBasic, await get(transport, asBasic, signal))
  } catch (error) {
    signal.throwIfAborted()
    throw asTokenFailure(question, error)
  }
}

function get(
  transport: Pick<Transport, 'request'>,
  { endpoint, realm, service, scope, credential, isAside }: TokenQuestion,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const url = new URL(realm)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const one of scope.split(' ')) if (one !== '') url.searchParams.append('scope', one)
  const authorization =
    credential?.kind === 'basic'
      ? { authorization: basicHeader(credential.username, credential.password) }
      : {}
  return transport.request({
    url,
    method: 'GET',
    headers: { accept: 'application/json', ...authorization },
    endpoint,
    signal,
    timeouts: endpoint.timeouts,
    trust: 'follow',
    freshConnection: isAside && 'aside',
  })
}

function post(
  transport: Pick<Transport, 'request'>,
  { endpoint, realm, service, scope, isAside }: TokenQuestion,
  refreshToken: string,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    client_id: 'holdfast',
    refresh_token: refreshToken,
  })
  if (service !== undefined) form.set('service', service)
  if (scope !== '') form.set('scope', scope)
  return transport.request({
    url: realm,
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
    endpoint,
    signal,
    timeouts: endpoint.timeouts,
    trust: 'follow',
    freshConnection: isAside && 'aside',
  })
}

async function read(question: TokenQuestion, answer: HttpAnswer): Promise<Token | undefined> {
  const { status, headers } = answer
  if (status === 401 || status === 403) {
    answer.body.destroy()
    // A login page in the token host's place says nothing about our credentials.
    if (essence(headerOf(headers, 'content-type') ?? '') === 'text/html')
      throw strange(question, status)
    return undefined
  }
  if (status !== 200) {
    answer.body.destroy()
    throw strange(question, status)
  }
  const token = parseToken(await readText(answer), headerOf(headers, 'date'))
  if (token === undefined) throw strange(question, status)
  return token
}

async function readText({ body }: HttpAnswer): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size > maxAnswerBytes) break
  }
  return Buffer.concat(chunks).toString()
}

/**
 * Reads a token answer. Its life is counted from `issued_at` by the host's own clock (`date`), never by ours, which may be wrong.
 * `undefined` for anything else.
 */
function parseToken(text: string, date: string | undefined): Token | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const answer: TokenAnswer = parsed
  const token = answer.token ?? answer.access_token
  // Whatever else is in it ends in a header.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) return undefined
  const seconds = answer.expires_in
  const wholeMs = typeof seconds === 'number' && seconds > 0 ? seconds * 1_000 : defaultLifeMs
  const lifeMs = Math.min(wholeMs, longestLifeMs) - ageOf(answer.issued_at, date)
  return { token, lifeMs: Math.max(lifeMs, 0) }
}

function ageOf(issuedAt: unknown, date: string | undefined): number {
  const ageMs = Date.parse(date ?? '') - Date.parse(String(issuedAt))
  return Number.isNaN(ageMs) ? 0 : Math.max(ageMs, 0)
}

function headerOf(headers: HttpAnswer['headers'], name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : value?.[0]
}

function strange({ endpoint, realm }: TokenQuestion, status: number): UpstreamFailure {
  const message = `the token host ${describeUrl(realm)} of ${endpoint.registry} answered ${status} without a token`
  return new UpstreamFailure('unreachable', 'token', message, { status })
}

function asTokenFailure({ endpoint, realm }: TokenQuestion, error: unknown): UpstreamFailure {
  const failure = failureOf(error, realm.host)
  if (failure.code === 'clock' || failure.reason === 'token') return failure
  const message = `no token for ${endpoint.registry}: ${failure.message}`
  return new UpstreamFailure('unreachable', 'token', message, { cause: failure })
}
