import { nodeOperations } from './node-operations.ts'
import type { NodeAccess } from './nodes.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { problemOf } from './run-operation.ts'
import type { NodeWhyAnswer } from './why-contract.ts'

/** Adds what is asked of all nodes that are not forgotten: each answers for itself, and who is away is named. */
export function addAllNodes(
  add: AddOperation,
  {
    node: { run, nodes, ask },
    asOf,
  }: {
    readonly node: NodeAccess
    readonly asOf: () => { readonly node: string; readonly asOf: string }
  },
): void {
  add(operations.why, async ({ query, caller }) => {
    const operation = nodeOperations.nodeWhy
    const asked = { query, body: undefined, caller }
    const own = await run(operation, { ...asked, audit() {} })
    const others = nodes.members?.().filter(({ id }) => nodes.isBanned?.(id) !== true) ?? []
    const said = await Promise.all(
      others.map(async member => {
        try {
          return { answer: await ask?.(member, operation, asked) }
        } catch (error) {
          const problem = problemOf(error)
          if (problem === undefined) throw error
          return { silent: { node: member.name, detail: problem.detail } }
        }
      }),
    )
    // Each was held to its shape by whoever asked.
    const answers = [own, ...said.flatMap(({ answer }) => answer ?? [])] as NodeWhyAnswer[]
    return { ...asOf(), nodes: answers, silent: said.flatMap(({ silent }) => silent ?? []) }
  })
}
