import type { FastifyReply } from 'fastify'

/** An error of the admin API. Source: https://www.rfc-editor.org/rfc/rfc9457 */
export interface Problem {
  readonly status: number
  /** What is wrong this time and what to do about it. */
  readonly detail: string
}

/** What kind of problem, the same for all of its kind. */
export const problemTitles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  408: 'Request Timeout',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  507: 'Insufficient Storage',
}

/** Ends an operation with a problem. */
export class ProblemError extends Error implements Problem {
  override readonly name = 'ProblemError'
  readonly status: number

  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }

  get detail(): string {
    return this.message
  }
}

/** The media type of a problem. */
export const problemType = 'application/problem+json'

/** A problem as JSON. */
export function problemBody({ status, detail }: Problem): string {
  const title = problemTitles[status] ?? 'Error'
  return JSON.stringify({ type: 'about:blank', title, status, detail })
}

/** Sends a problem; as bytes, since fastify would add a charset to a text's type. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .type(problemType)
    .send(Buffer.from(problemBody(problem)))
}
