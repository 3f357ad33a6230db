import type { Log } from '../ports/log.ts'
import type { MemberStore } from '../ports/member-store.ts'
import { type NodeId, parseNodeId } from '../ports/node-id.ts'
import type { MemberTable } from './member-table.ts'

/** Whose operator records count. */
export interface Operators {
  /** `undefined`: everybody's. */
  ids(): ReadonlySet<NodeId> | undefined
  onChange(listener: () => void): () => void
  close(): void
}

/**
 * Follows who is meant by the names and ids of `mesh.operators`. A name stands for the node that was first known by it, also after a
 * restart: another node that takes the name gains nothing by it.
 */
export function followOperators(
  parts: {
    readonly table: Pick<MemberTable, 'entries' | 'onChange' | 'self'>
    readonly store: Pick<MemberStore, 'load' | 'save'>
    readonly log: Log
  },
  options: { readonly operators: readonly string[]; readonly ownName: string },
): Operators {
  const { table, store, log } = parts
  const listeners = new Set<() => void>()
  const ids = new Set<NodeId>()
  const open = new Set<string>()
  const disputed = new Set<NodeId>()
  const bound = new Map<string, NodeId>()

  const kept = store.load().names
  for (const operator of options.operators) {
    const id = parseNodeId(operator)
    const keptId = kept.get(operator)
    if (id !== undefined) ids.add(id)
    else if (keptId !== undefined) settle(operator, keptId)
    else open.add(operator)
  }

  function settle(name: string, id: NodeId): void {
    open.delete(name)
    bound.set(name, id)
    ids.add(id)
  }

  function bind(name: string, id: NodeId): void {
    settle(name, id)
    log.info({ name, id }, 'operator known: the name stands for this node from now on')
    store
      .save({ members: [], forgotten: [], names: new Map([[name, id]]) })
      .catch(err => log.warn({ name, err }, 'who an operator is was not written'))
    for (const listener of listeners) listener()
  }

  function dispute(name: string, id: NodeId): void {
    const first = bound.get(name)
    if (first === undefined || first === id || disputed.has(id) || disputed.size > 1_000) return
    disputed.add(id)
    log.warn({ name, id, first }, 'a node has the name of an operator and is none: its id differs')
  }

  function look(): void {
    for (const { hello } of table.entries()) {
      if (open.has(hello.name)) bind(hello.name, hello.id)
      else dispute(hello.name, hello.id)
    }
  }

  if (open.has(options.ownName)) bind(options.ownName, table.self)
  look()
  const stopListening = options.operators.length > 0 ? table.onChange(look) : () => {}

  return {
    ids: () => (options.operators.length === 0 ? undefined : ids),
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    close: stopListening,
  }
}
