import type { Member } from '../../ports/members.ts'
import type { AskNode } from './ask-node.ts'
import { defined } from './describe.ts'
import { findNode, type KnownNodes, tellBanned } from './find-node.ts'
import type { NodesAnswer } from './node-contract.ts'
import { nodeOperations } from './node-operations.ts'
import type { NodeAsked, NodeState } from './node-state.ts'
import type { AddOperation, Operation } from './operation.ts'
import { operations } from './operations.ts'
import { ProblemError } from './problem.ts'
import { readQuery } from './read-query.ts'
import { readBodyOf } from './run-operation.ts'

/** Does an operation on this node; query and body are read as the operation has them. Throws as a handler does. */
export type RunNodeOperation = (
  operation: Operation,
  asked: Omit<NodeAsked, 'query' | 'body'> & { readonly query: unknown; readonly body: unknown },
) => Promise<object>

/** Runs what `state` answers. */
export function createRunNodeOperation(state: NodeState): RunNodeOperation {
  const answers = new Map(
    Object.entries(nodeOperations).map(([key, { id }]) => [
      id as string,
      state[key as keyof NodeState] as unknown as (asked: NodeAsked) => object | Promise<object>,
    ]),
  )
  return async (operation, { query, body, caller, audit }) => {
    const answer = answers.get(operation.id)
    if (answer === undefined) throw new Error(`${operation.id} is no operation on a node`)
    const read = {
      query: readQuery(operation.query, query),
      body: await readBodyOf(operation, body),
    }
    return answer({ ...read, caller, audit })
  }
}

/** How operations on one node are done. */
export interface NodeAccess {
  /** On this node. */
  readonly run: RunNodeOperation
  readonly nodes: KnownNodes
  /** On another one. Absent: there are no others. */
  readonly ask?: AskNode | undefined
}

/** Adds the list of nodes, and the operations on one: done here, or asked of the one that is meant. */
export function addNodes(
  add: AddOperation,
  { run, nodes, ask }: NodeAccess,
  {
    asOf,
    monotonicMs,
    version,
  }: {
    readonly asOf: () => { readonly node: string; readonly asOf: string }
    readonly monotonicMs: () => number
    /** Of this node. */
    readonly version: string
  },
): void {
  add(operations.nodes, () => {
    const { id, name, zone } = nodes.self
    const known = { id, name, version, ...defined({ zone }) }
    const self = { ...known, self: true, state: 'alive', lastSeenAgoMs: 0 }
    const others = (nodes.members?.() ?? []).map(member => ({
      ...describeMember(member, monotonicMs()),
      ...(nodes.isBanned?.(member.id) === true && { state: 'banned' }),
    }))
    return { ...asOf(), items: [self, ...others] }
  })
  for (const operation of Object.values<Operation>(nodeOperations)) {
    add(operation, async ({ path, query, body, caller, audit }) => {
      const node = findNode(path['name'] ?? '', nodes)
      const subject = node.name
      audit({ subject })
      if (node.isSelf || ask === undefined) {
        const here = (what: object) => audit({ subject, ...what })
        return run(operation, { query, body, caller, audit: here }) as never
      }
      if (nodes.isBanned?.(node.member.id) === true) {
        throw new ProblemError(503, tellBanned(node.name))
      }
      return (await ask(node.member, operation, { query, body, caller })) as never
    })
  }
}

function describeMember(
  { id, name, version, zone, state, lastSeenMs }: Member,
  nowMs: number,
): NodesAnswer['items'][number] {
  const lastSeenAgoMs = Math.max(0, Math.round(nowMs - lastSeenMs))
  return { id, name, version, ...defined({ zone }), self: false, state, lastSeenAgoMs }
}
