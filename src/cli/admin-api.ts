import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { rootCertificates } from 'node:tls'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { AdminAccess } from './admin-address.ts'
import { CommandFailure } from './command-failure.ts'
import type { ExitCode } from './exit-codes.ts'
import { describe, unreachable } from './unreachable.ts'

/** Questions of the admin API: parameters that are `undefined` are left out, lists are parameters that repeat. */
export type Query = Readonly<
  Record<string, string | number | boolean | readonly string[] | undefined>
>

/** A running node's admin API. */
export interface AdminApi {
  /**
   * Asks and checks the answer's shape. Throws `CommandFailure`: `unreachable`, `denied`, `usage` (the node finds the question
   * wrong), `failed`.
   */
  get<S extends TSchema>(path: string, query: Query, shape: S): Promise<Static<S>>
  /** Sends bytes, however long that takes, and checks the answer's shape. Throws as `get` does. */
  post<S extends TSchema>(
    path: string,
    query: Query,
    body: AsyncIterable<Uint8Array>,
    shape: S,
  ): Promise<Static<S>>
  /** Changes something and checks the answer's shape. Throws as `get` does. */
  change<S extends TSchema>(
    method: 'PUT' | 'DELETE' | 'POST',
    path: string,
    question: { readonly query: Query; readonly body?: object; readonly headers?: Headers },
    shape: S,
  ): Promise<Static<S>>
  /** Asks for bytes and settles when they begin, with what the headers say of them. @param body sent with the question. Throws as `get` does. */
  download(path: string, query: Query, body?: Uint8Array): Promise<Download>
}

/** Bytes of a node on their way. */
export interface Download {
  readonly bytes: Readable
  /** The value of a header; `undefined` when there is none. */
  header(name: string): string | undefined
}

type Headers = Readonly<Record<string, string>>

/** What is sent besides where it goes. */
interface Sent {
  readonly method: string
  readonly headers: Headers
  readonly body: AsyncIterable<Uint8Array> | undefined
  /** Nothing may come for so long, ms; absent: an archive takes as long as it takes to arrive. */
  readonly silentMs: number | undefined
}

interface Answer {
  readonly status: number
  readonly body: string
}

/** Longer than any deadline that a node may be configured to keep. */
const timeoutMs = 70_000

const sending: Omit<Sent, 'body'> = {
  method: 'POST',
  headers: { 'content-type': 'application/octet-stream' },
  silentMs: undefined,
}

/** Opens no connection before it is asked. @param silentMs it has failed when nothing came for so long */
export function createAdminApi(access: AdminAccess, { silentMs = timeoutMs } = {}): AdminApi {
  const asking: Sent = { method: 'GET', headers: {}, body: undefined, silentMs }

  async function exchange<S extends TSchema>(
    path: string,
    query: Query,
    shape: S,
    sent: Sent = asking,
  ): Promise<Static<S>> {
    const url = urlOf(path, query)
    const answer = await readAnswer(await ask(url, access, sent), access)
    const value = readJson(answer.body)
    // "There is no such tag" is an answer, with a 404 or without.
    const isAnswer = answer.status === 200 || Value.Check(noAnswer, value)
    if (isAnswer && Value.Check(shape, value)) return value
    throw failureOf(answer, value, { access, method: sent.method, url })
  }

  function urlOf(path: string, query: Query): URL {
    const url = new URL(path, access.url)
    for (const [name, value] of Object.entries(query)) {
      for (const one of [value ?? []].flat()) url.searchParams.append(name, String(one))
    }
    return url
  }

  return {
    get: (path, query, shape) => exchange(path, query, shape),
    post: (path, query, body, shape) => exchange(path, query, shape, { ...sending, body }),
    change(method, path, { query, body, headers = {} }, shape) {
      const isJson = body !== undefined
      return exchange(path, query, shape, {
        method,
        headers: { ...headers, ...(isJson && { 'content-type': 'application/json' }) },
        body: isJson ? onePiece(Buffer.from(JSON.stringify(body))) : undefined,
        silentMs,
      })
    },
    async download(path, query, body) {
      const url = urlOf(path, query)
      const sent = body ? { ...sending, body: onePiece(body) } : asking
      const response = await ask(url, access, sent)
      const { headers } = response
      const header = (name: string) => headers[name]?.toString()
      if (response.statusCode === 200) return { bytes: response, header }
      const answer = await readAnswer(response, access)
      throw failureOf(answer, readJson(answer.body), { access, method: sent.method, url })
    },
  }
}

async function* onePiece(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body
}

async function readAnswer(response: IncomingMessage, access: AdminAccess): Promise<Answer> {
  try {
    return { status: response.statusCode ?? 0, body: await text(response) }
  } catch (cause) {
    throw unreachable(access, cause)
  }
}

/** Settles with the answer's head. */
async function ask(
  url: URL,
  access: AdminAccess,
  { method, headers, body, silentMs }: Sent,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  const request = send(
    url,
    {
      method,
      socketPath: access.socketPath,
      headers: {
        accept: 'application/json',
        ...headers,
        ...(access.token !== undefined && { authorization: `Bearer ${access.token}` }),
      },
      ...(access.ca !== undefined && { ca: [...rootCertificates, access.ca] }),
      agent: false,
    },
    resolve,
  )
  request.on('error', reject)
  if (silentMs !== undefined) request.setTimeout(silentMs, () => request.destroy(tooLate(silentMs)))
  if (body === undefined) request.end()
  try {
    if (body !== undefined) await Promise.race([promise, pipeline(body, request)])
    return await promise
  } catch (cause) {
    // The body's own failure says nothing of the node.
    throw cause instanceof CommandFailure ? cause : unreachable(access, cause)
  }
}

const tooLate = (silentMs: number): Error => new Error(`nothing came for ${silentMs / 1000} s`)

function readJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

/** What was asked, and where. */
interface Question {
  readonly access: AdminAccess
  readonly method: string
  readonly url: URL
}

function failureOf({ status }: Answer, value: unknown, question: Question): CommandFailure {
  const { access } = question
  const told = saidIn(value)

  const ending = endingOf(status, value, question)
  if (ending !== undefined) return new CommandFailure(ending, told ?? '', undefined, told)
  const said = told === undefined ? '' : `: ${told}`
  const by = `the node at ${describe(access)}`
  if (status === 429) return new CommandFailure('denied', `${by} does not listen now${said}`)
  if (status === 409 || status === 412 || status === 422) {
    return new CommandFailure('refused', refusalOf(by, told), undefined, told)
  }
  if (status === 401 || status === 403) {
    const cure = 'name the right one with --token-file or HOLDFAST_ADMIN_TOKEN'
    return new CommandFailure('denied', `${by} refused the token${said}; ${cure}`)
  }
  if (status === 400) return new CommandFailure('usage', misuseOf(by, told))
  if (status === 200)
    return new CommandFailure(
      'failed',
      `${by} gave an answer of another shape; is it of this version?`,
    )
  const isOther = status === 404 && !Value.Check(shapes.problem, value)
  const doubt = isOther ? '; is this the address of its admin API (admin.listen)?' : ''
  return new CommandFailure('failed', `${by} answered ${status}${said}${doubt}`, undefined, told)
}

/** What was typed is told in the node's own words. */
const misuseOf = (by: string, told: string | undefined): string =>
  told ?? `${by} does not understand the question`

/** The words of an archive's refusal begin so already. */
function refusalOf(by: string, told: string | undefined): string {
  if (told === undefined) return `${by} refused`
  return told.startsWith('refused') ? told : `refused: ${told}`
}

/** Of what the node's own words say best: what was named is not there, or another node that was named does not answer. */
function endingOf(
  status: number,
  value: unknown,
  { method, url: { pathname } }: Question,
): ExitCode | undefined {
  if (!Value.Check(shapes.problem, value)) return undefined
  // A node that does not know the question is of another version, or no node.
  const isNoQuestion = value.detail === `there is no ${method} ${pathname}`
  if (status === 404) return isNoQuestion ? undefined : 'noAnswer'
  const isOfAnother = /^\/api\/v1\/nodes\/(?!self\/)/.test(pathname)
  return isOfAnother && (status === 503 || status === 504) ? 'unreachable' : undefined
}

const noAnswer = Type.Object({ found: Type.Literal(false) })
const shapes = {
  /** RFC 9457, as the admin API has it. */
  problem: Type.Object({ detail: Type.String() }),
  /** As the distribution spec has it, should another server of ours stand there. */
  errors: Type.Object({
    errors: Type.Array(Type.Object({ message: Type.String() }), { minItems: 1 }),
  }),
}

function saidIn(value: unknown): string | undefined {
  if (Value.Check(shapes.problem, value)) return value.detail
  if (!Value.Check(shapes.errors, value)) return undefined
  return value.errors.map(one => one.message).join('; ')
}
