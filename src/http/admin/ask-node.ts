import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Member } from '../../ports/members.ts'
import { type PeerClient, PeerFailure } from '../../ports/peer-port.ts'
import type { Asked, Operation } from './operation.ts'
import { readPeerJson } from './peer-json.ts'
import { ProblemError } from './problem.ts'

/** Subject on the peer port: an operation of the admin API, on the node that is asked. */
export const adminSubject = 'admin'

/** What is asked over the peer port, as JSON. */
export const nodeQuestion = Type.Object({
  /** Id of the operation. */
  operation: Type.String({ maxLength: 100 }),
  query: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  body: Type.Optional(Type.Unknown()),
  /** Name of who asks, as the asking node's token file has it. */
  caller: Type.String({ maxLength: 200 }),
})
export type NodeQuestion = Static<typeof nodeQuestion>

/** What comes back, as JSON: an answer, or a problem. */
const nodeReply = Type.Union([
  Type.Object({ status: Type.Literal(200), answer: Type.Record(Type.String(), Type.Unknown()) }),
  Type.Object({
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ maxLength: 4_000 }),
  }),
])
export type NodeReply = Static<typeof nodeReply>

/** The longest that somebody waits for another node, ms. A collection deletes files, maybe thousands on a slow card. */
const withinMs = 10_000
const collectWithinMs = 40_000

/** A page of the audit log, or the mesh as a node of a thousand sees it, is that large at the most. */
const maxAnswerBytes = 4 * 1024 * 1024

/** Has another node do an operation. Throws `ProblemError`: its own problems, or 502, 503, 504 with what to do. */
export type AskNode = (
  member: Member,
  operation: Operation,
  asked: Pick<Asked, 'query' | 'body' | 'caller'>,
) => Promise<Readonly<Record<string, unknown>>>

/** Asks over the peer port: that it is this node that answers is proven there. */
export function createAskNode(parts: {
  readonly client: Pick<PeerClient, 'call'>
  readonly monotonicMs: () => number
}): AskNode {
  return async (member, operation, { query, body, caller }) => {
    const { id, name, state, lastSeenMs } = member
    const ago = `last heard of ${Math.round((parts.monotonicMs() - lastSeenMs) / 1_000)} s ago`
    if (state === 'gone') {
      throw new ProblemError(503, `${name} is gone, ${ago}: start it, or ask another node`)
    }
    const question: NodeQuestion = { operation: operation.id, query, body, caller }
    const timeoutMs = operation.path.endsWith('/store/gc') ? collectWithinMs : withinMs
    let bytes: Uint8Array
    try {
      const bytesAsked = Buffer.from(JSON.stringify(question))
      const signal = AbortSignal.timeout(timeoutMs)
      const options = { signal, timeoutMs, maxBytes: maxAnswerBytes }
      bytes = await parts.client.call(id, adminSubject, bytesAsked, options)
    } catch (error) {
      throw problemOfFailure(error, { name, ago, timeoutMs, isWrite: operation.role === 'write' })
    }
    const reply = readReply(bytes)
    if (reply !== undefined && 'detail' in reply) throw told(name, reply)
    if (reply === undefined || !Value.Check(operation.answer as never, reply.answer)) {
      throw new ProblemError(502, `${name} answered something else: is it of this version?`)
    }
    // Whose answer it is, is what was proven, and not what the answer says.
    return { ...(reply.answer as object), node: name }
  }
}

/** A fault of the other node is none of ours. */
const told = (name: string, { status, detail }: { status: number; detail: string }): ProblemError =>
  new ProblemError(status >= 500 && status !== 503 ? 502 : status, `${name}: ${detail}`)

function readReply(bytes: Uint8Array): NodeReply | undefined {
  const reply = readPeerJson(bytes)
  return Value.Check(nodeReply, reply) ? reply : undefined
}

function problemOfFailure(
  error: unknown,
  about: { name: string; ago: string; timeoutMs: number; isWrite: boolean },
): ProblemError {
  const { name, ago, timeoutMs, isWrite } = about
  const doubt = isWrite ? '; it may have been done all the same: look at it when it is back' : ''
  const late = `${name} did not answer within ${timeoutMs / 1_000} s, ${ago}${doubt}`
  if (!(error instanceof PeerFailure)) return new ProblemError(504, late)
  const [status, detail] = {
    timeout: [504, late] as const,
    unreachable: [
      503,
      `${name} cannot be reached, ${ago}: is it on, and does the link hold? \`holdfast peers\` tells when it is back${doubt}`,
    ] as const,
    refused: [
      503,
      `${name} does not take this node for a member: one of the two is banned, or has no key of the other (\`holdfast mesh status\`)`,
    ] as const,
    absent: [503, `${name} does not know this operation: upgrade it`] as const,
    busy: [503, `${name} is asked too much now: try again`] as const,
    protocol: [
      502,
      `${name} failed, or answered something that makes no sense: its log tells more`,
    ] as const,
  }[error.code]
  return new ProblemError(status, detail)
}
