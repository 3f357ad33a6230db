import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../../ports/log.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { type AnswerPeer, refusalOf, sendRefusal } from './answer.ts'
import type { MemberConnections, PeerConnection } from './connections.ts'
import { type Question, readQuestion } from './read-question.ts'
import type { Refusal } from './statuses.ts'
import { createTurnstile } from './turnstile.ts'

/** Bounds of what members may ask. */
export interface QuestionBounds {
  /** Questions under way, of all nodes and of each. */
  readonly questions: number
  readonly questionsPerPeer: number
  /** Blobs and long answers among them. */
  readonly transfers: number
  readonly transfersPerPeer: number
  /** The head and then the whole of a request, ms. */
  readonly headMs: number
  readonly requestMs: number
  /** An answer that is no transfer, ms. */
  readonly answerMs: number
}

interface Needs {
  readonly connections: MemberConnections
  readonly answer: AnswerPeer
  readonly isBanned: (id: NodeId) => boolean
  readonly log: Log
}

interface Exchange {
  /** Told apart from the request's, which forgets it. */
  readonly socket: Socket
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

interface Asked extends Exchange {
  readonly from: PeerConnection
}

const idleKeepMs = 75_000
const maxHeaderBytes = 8 * 1024
const maxDumpedBytes = 64 * 1024

/** Makes the HTTP server for sockets that the gate let in: it gets them by `connection` events. */
export function createQuestionServer(needs: Needs, bounds: QuestionBounds): Server {
  const { connections, answer, isBanned, log } = needs
  const questions = createTurnstile({ total: bounds.questions, each: bounds.questionsPerPeer })
  const transfers = createTurnstile({ total: bounds.transfers, each: bounds.transfersPerPeer })

  function enter(question: Question, id: NodeId): (() => void) | undefined {
    const leaveQuestions = questions.enter(id)
    if (leaveQuestions === undefined || !isTransfer(question)) return leaveQuestions
    const leaveTransfers = transfers.enter(id)
    if (leaveTransfers === undefined) {
      leaveQuestions()
      return undefined
    }
    return () => {
      leaveTransfers()
      leaveQuestions()
    }
  }

  function onRequest(exchange: Exchange): void {
    const { socket, request } = exchange
    const from = connections.of(socket)
    const question = readQuestion(request.method ?? '', request.url ?? '')
    if (from === undefined || isBanned(from.id)) socket.destroy()
    else if (question === undefined) refuse(exchange, 'malformed')
    else {
      const leave = enter(question, from.id)
      if (leave === undefined) refuse(exchange, 'busy')
      else serve(question, { ...exchange, from }, leave)
    }
  }

  function serve(question: Question, asked: Asked, leave: () => void): void {
    const over = new AbortController()
    const giveUp = (): void => {
      over.abort(new DOMException('no answer in time', 'TimeoutError'))
      fail(asked, over.signal.reason)
    }
    const timer = isTransfer(question) ? undefined : setTimeout(giveUp, bounds.answerMs)
    // Not before: what is still to be sent holds memory, and with it a place.
    asked.response.once('close', () => {
      clearTimeout(timer)
      leave()
      over.abort(new DOMException('the peer left', 'AbortError'))
    })
    answer(question, { ...asked, signal: over.signal }).catch(error => {
      tell(question, asked, error)
      fail(asked, error)
    })
  }

  function tell(question: Question, asked: Asked, err: unknown): void {
    if (isOver(asked) || refusalOf(err) !== 'failed') return
    log.warn({ peer: asked.from.id, asked: question.kind, err }, 'a peer was not answered')
  }

  const server = createServer({
    maxHeaderSize: maxHeaderBytes,
    headersTimeout: bounds.headMs,
    requestTimeout: bounds.requestMs,
    keepAliveTimeout: idleKeepMs,
    connectionsCheckingInterval: Math.min(1_000, bounds.headMs),
  })
  server.on('request', (request, response) =>
    onRequest({ socket: request.socket, request, response }),
  )
  server.on('clientError', (_, socket) => socket.destroy())
  return server
}

const isTransfer = ({ kind }: Question): boolean => kind === 'blob' || kind === 'stream'

const isOver = ({ socket, response }: Exchange): boolean =>
  response.writableEnded || socket.destroyed

function fail(exchange: Exchange, error: unknown): void {
  if (isOver(exchange)) return
  // Half an answer must not look like a whole one.
  if (exchange.response.headersSent) exchange.socket.destroy()
  else refuse(exchange, refusalOf(error))
}

/** What is left of a long question is not worth reading: the connection ends then. */
function refuse({ request, response }: Exchange, refusal: Refusal): void {
  const { 'content-length': length = 0, 'transfer-encoding': encoding } = request.headers
  const isShort = encoding === undefined && Number(length) <= maxDumpedBytes
  if (!request.complete && !isShort) response.shouldKeepAlive = false
  sendRefusal(response, refusal)
  request.resume()
}
