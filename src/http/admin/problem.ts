import type { FastifyReply } from 'fastify'

/** An error of the admin API. Source: https://www.rfc-editor.org/rfc/rfc9457 */
export interface Problem {
  readonly status: number
  /** What kind of problem, the same for all of its kind. */
  readonly title: string
  /** What is wrong this time and what to do about it. */
  readonly detail: string
}

/** Sends a problem as `application/problem+json`; as bytes, since fastify would add a charset to a text's type. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .send(Buffer.from(JSON.stringify({ type: 'about:blank', ...problem })))
}
