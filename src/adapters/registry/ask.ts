import type { Clock } from '../../ports/clock.ts'
import { discard, readRefusal } from './answer-body.ts'
import type { Authorizer } from './authorize.ts'
import { classifyRefusal, hasChallenge, isPage, needsGet, portal } from './classify.ts'
import { createExchange, type Exchange, type Exchanged, type Question } from './exchange.ts'
import type { HttpAnswer, Transport } from './transport.ts'

/** An answer 200 or 206 that is no page. Its body must be consumed or destroyed. */
export interface Answered extends HttpAnswer {
  /** `GET` where a HEAD was refused without a word and the GET that was to explain it succeeded. */
  readonly method: 'GET' | 'HEAD'
}

/**
 * Asks one endpoint one question. Rejects with `UpstreamFailure` for every answer but 200 and 206; with the signal's reason when
 * aborted.
 */
export type Ask = (question: Question) => Promise<Answered>

/** What asking needs. */
interface AskParts {
  readonly transport: Pick<Transport, 'request'>
  readonly authorizer: Authorizer
  readonly clock: Pick<Clock, 'wallMs'>
}

/** Makes {@link Ask}: request, authorization, redirects, and what the answer means. */
export function createAsk({ transport, authorizer, clock }: AskParts): Ask {
  const exchange = createExchange(transport)

  return async function ask(question) {
    const exchanged = await exchangeAuthorized(exchange, authorizer, question)
    const { answer } = exchanged
    if (answer.status === 200 || answer.status === 206) return accept(question, exchanged)
    if (question.method === 'HEAD' && needsGet(answer)) {
      discard(answer.body)
      return ask({ ...question, method: 'GET' })
    }
    const body = await readRefusal(answer)
    question.signal.throwIfAborted()
    const failure = classifyRefusal({ ...answer, body }, clock.wallMs())
    if (failure.reason !== 'portal' && !exchanged.isElsewhere) question.witness.heard()
    throw failure
  }
}

function accept(question: Question, { answer, isElsewhere }: Exchanged): Answered {
  if (isPage(answer.headers)) {
    discard(answer.body)
    throw portal(answer, 'a page for people')
  }
  if (!isElsewhere) question.witness.heard()
  return { ...answer, method: question.method }
}

/** Asks, and when that is answered by a challenge, asks again with what the challenge wants. */
async function exchangeAuthorized(
  exchange: Exchange,
  authorizer: Authorizer,
  question: Question,
): Promise<Exchanged> {
  const { endpoint, scope, signal } = question
  const known = await authorizer.header(endpoint, scope, signal)
  const first = await exchange(question, known)
  const { status, headers } = first.answer
  if (status !== 401 || first.isElsewhere || !hasChallenge(headers)) return first
  question.witness.heard()
  discard(first.answer.body)
  const next = await newHeader(authorizer, question, known, headers['www-authenticate'])
  if (next === undefined) throw classifyRefusal({ ...first.answer, body: '' }, 0)
  const second = await exchange(question, next)
  if (second.answer.status === 401 && !second.isElsewhere) authorizer.forget(endpoint, scope)
  return second
}

async function newHeader(
  authorizer: Authorizer,
  { endpoint, scope, signal }: Question,
  refused: string | undefined,
  challenges: string | readonly string[] | undefined,
): Promise<string | undefined> {
  const current = await authorizer.header(endpoint, scope, signal)
  // Another question may have danced meanwhile.
  if (current !== undefined && current !== refused) return current
  if (refused !== undefined) authorizer.forget(endpoint, scope)
  return authorizer.answer(endpoint, scope, challenges, signal)
}
