import { LRUCache } from 'lru-cache'
import { Value } from 'typebox/value'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { type PeerAnswer, PeerFailure } from '../../ports/peer-port.ts'
import { type NodeQuestion, type NodeReply, nodeQuestion } from './ask-node.ts'
import { nodeOperations } from './node-operations.ts'
import type { RunNodeOperation } from './nodes.ts'
import type { Operation } from './operation.ts'
import { readPeerJson } from './peer-json.ts'
import { ProblemError } from './problem.ts'
import { type NoteEntry, noted, problemOf } from './run-operation.ts'

/** What one node may change on this one: so many at once, then one each so many ms. A flood would wash the audit log away. */
const changes = { burst: 20, everyMs: 5_000 } as const
const maxMembers = 1_000

const operationsById: ReadonlyMap<string, Operation> = new Map(
  Object.values(nodeOperations).map(operation => [operation.id, operation]),
)

/**
 * Answers other nodes' questions to this one. That the node is the one it says is proven by its connection, which nobody can replay. Every
 * member may look; what changes something is done for those alone whose operators count here.
 */
export function createAnswerNode(parts: {
  readonly run: RunNodeOperation
  /** Name of this node. */
  readonly self: string
  readonly mayOperate: (id: NodeId) => boolean
  readonly nameOf: (id: NodeId) => string | undefined
  readonly note: NoteEntry
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly log: Log
}): PeerAnswer {
  const { run, mayOperate, clock, log } = parts
  /** By member: until when its changes weigh, ms on the monotonic clock. */
  const weights = new LRUCache<NodeId, number>({ max: maxMembers })

  function mustHaveTurn(from: NodeId): void {
    const nowMs = clock.monotonicMs()
    const untilMs = Math.max(weights.get(from) ?? 0, nowMs)
    if (untilMs - nowMs >= changes.burst * changes.everyMs) {
      throw new PeerFailure('busy', `${from} changes this node too often`)
    }
    weights.set(from, untilMs + changes.everyMs)
  }

  async function change(
    operation: Operation,
    { query, body, caller }: NodeQuestion,
    from: NodeId,
  ): Promise<object> {
    const name = parts.nameOf(from) ?? 'a node'
    const who = `${caller} on ${name} (${from.slice(0, 12)})`
    if (!mayOperate(from)) {
      log.warn(
        { peer: from, operation: operation.id, caller },
        'a node that mesh.operators does not name wanted to change this one',
      )
      const cure = `mesh.operators does not name ${name} here: do it on one that it names, or on this node`
      throw new ProblemError(409, cure)
    }
    mustHaveTurn(from)
    const about = { caller: who, operation: operation.id, subject: parts.self }
    return noted(parts.note, about, audit => run(operation, { query, body, caller: who, audit }))
  }

  async function answer(question: NodeQuestion, from: NodeId): Promise<object> {
    const operation = operationsById.get(question.operation)
    // As a node that knows no such subject would say it.
    if (operation === undefined) throw new PeerFailure('absent', question.operation)
    if (operation.role === 'write') return change(operation, question, from)
    const { query, body, caller } = question
    return run(operation, { query, body, caller, audit() {} })
  }

  return async (bytes, from) => {
    const question = readPeerJson(bytes)
    if (!Value.Check(nodeQuestion, question)) throw new PeerFailure('protocol', 'no question')
    try {
      return encode({ status: 200, answer: { ...(await answer(question, from)) } })
    } catch (error) {
      const problem = problemOf(error)
      if (problem === undefined) throw error
      return encode({ status: problem.status, detail: problem.detail })
    }
  }
}

const encode = (reply: NodeReply): Uint8Array => Buffer.from(JSON.stringify(reply))
