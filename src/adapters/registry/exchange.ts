import { UpstreamFailure } from '../../ports/errors.ts'
import { discard } from './answer-body.ts'
import { headerOf, portal, protocolFailure } from './classify.ts'
import { sameOrigin } from './origin.ts'
import type { EndpointSettings } from './settings.ts'
import type { HttpAnswer, HttpQuestion, Transport } from './transport.ts'

/** Redirects that are followed in one question. */
const maxRedirects = 5

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

/** Hears how a question goes while it is under way; whose failure it is in the end depends on that. */
export interface Witness {
  /** The endpoint itself spoke, as a registry does. */
  heard(): void
  /** The question was sent on to another host: what fails from now on is not the endpoint. */
  left(): void
}

/** One question to one endpoint. */
export interface Question {
  readonly endpoint: EndpointSettings
  readonly method: 'GET' | 'HEAD'
  readonly url: URL
  /** `repository:NAME:pull`, or `''` for `/v2/` itself. */
  readonly scope: string
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly signal: AbortSignal
  /** The kept connections may be dead without knowing; see the transport. */
  readonly freshConnection?: HttpQuestion['freshConnection']
  readonly witness: Witness
}

/** The answer at the end of the redirects, whatever its status. */
export interface Exchanged {
  readonly answer: HttpAnswer
  /** Another host than the endpoint gave this answer. */
  readonly isElsewhere: boolean
}

/** Sends a question with that `Authorization` and follows redirects. */
export type Exchange = (question: Question, authorization: string | undefined) => Promise<Exchanged>

/** Makes {@link Exchange}. It rejects with `UpstreamFailure`, or with the signal's reason when aborted. */
export function createExchange(transport: Pick<Transport, 'request'>): Exchange {
  async function follow(
    question: Question,
    authorization: string | undefined,
    at: { readonly url: URL; readonly isElsewhere: boolean; readonly hops: number },
  ): Promise<Exchanged> {
    const { url, isElsewhere, hops } = at
    const answer = await request(transport, question, url, authorization)
    const target = redirectTarget(answer, url)
    if (target === undefined) return { answer, isElsewhere }
    discard(answer.body)
    if (hops === maxRedirects) throw protocolFailure(url.href, 'too many redirects')
    const next = { url: target, hops: hops + 1 }
    if (isElsewhere || sameOrigin(target, question.endpoint.url)) {
      return follow(question, authorization, { ...next, isElsewhere })
    }
    question.witness.left()
    // Credentials stay behind, also should the way lead back.
    return follow(question, undefined, { ...next, isElsewhere: true })
  }

  return (question, authorization) =>
    follow(question, authorization, { url: question.url, isElsewhere: false, hops: 0 })
}

async function request(
  transport: Pick<Transport, 'request'>,
  question: Question,
  url: URL,
  authorization: string | undefined,
): Promise<HttpAnswer> {
  const { endpoint, method, headers, signal } = question
  const send = (freshConnection: HttpQuestion['freshConnection']): Promise<HttpAnswer> =>
    transport.request({
      url,
      method,
      endpoint,
      signal,
      timeouts: endpoint.timeouts,
      freshConnection,
      trust: sameOrigin(url, endpoint.url) ? 'endpoint' : 'follow',
      headers: {
        // Digests, sizes and ranges are of plain bytes.
        'accept-encoding': 'identity',
        ...headers,
        ...(authorization !== undefined && { authorization }),
      },
    })
  try {
    return await send(question.freshConnection)
  } catch (error) {
    // Links that drop connections drop single ones; asking again costs little, and two in a row are believed.
    const isWorthAnother = error instanceof UpstreamFailure && error.reason === 'reset'
    if (!isWorthAnother || question.freshConnection) throw error
    return send(true)
  }
}

/** Where an answer sends us, if it does. Never from https to http: who could make us do that is not the registry. */
function redirectTarget({ status, headers }: HttpAnswer, from: URL): URL | undefined {
  const location = headerOf(headers, 'location')
  if (!redirects.has(status) || location === undefined) return undefined
  const target = URL.canParse(location, from.href) ? new URL(location, from) : undefined
  if (target?.protocol !== 'https:' && target?.protocol !== 'http:') return undefined
  if (from.protocol === 'https:' && target.protocol === 'http:') {
    throw portal({ status, url: from.href }, 'a redirect that gives up TLS')
  }
  target.username = ''
  target.password = ''
  return target
}
