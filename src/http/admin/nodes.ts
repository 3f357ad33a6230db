import type { AskNode } from './ask-node.ts'
import { findNode, type KnownNodes } from './find-node.ts'
import { nodeOperations } from './node-operations.ts'
import type { NodeAsked, NodeState } from './node-state.ts'
import type { AddOperation, Operation } from './operation.ts'
import { readBodyOf } from './run-operation.ts'

/** Does an operation on this node; the body is read as the operation has it. Throws as a handler does. */
export type RunNodeOperation = (
  operation: Operation,
  asked: Omit<NodeAsked, 'body'> & { readonly body: unknown },
) => Promise<object>

/** Runs what `state` answers. */
export function createRunNodeOperation(state: NodeState): RunNodeOperation {
  const answers = new Map(
    Object.entries(nodeOperations).map(([key, { id }]) => [
      id as string,
      state[key as keyof NodeState] as unknown as (asked: NodeAsked) => object | Promise<object>,
    ]),
  )
  return async (operation, { body, caller, audit }) => {
    const answer = answers.get(operation.id)
    if (answer === undefined) throw new Error(`${operation.id} is no operation on a node`)
    return answer({ body: readBodyOf(operation, body), caller, audit })
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

/** Adds the operations on one node: done here, or asked of the one that is meant. */
export function addNodes(add: AddOperation, { run, nodes, ask }: NodeAccess): void {
  for (const operation of Object.values<Operation>(nodeOperations)) {
    add(operation, async ({ path, body, caller, audit }) => {
      const node = findNode(path['name'] ?? '', nodes)
      const subject = node.name
      audit({ subject })
      if (node.isSelf || ask === undefined) {
        return run(operation, { body, caller, audit: what => audit({ subject, ...what }) }) as never
      }
      return (await ask(node.member, operation, { body, caller })) as never
    })
  }
}
