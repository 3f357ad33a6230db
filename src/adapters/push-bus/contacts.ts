import type { Neighbour } from '../../ports/bus.ts'
import type { Clock } from '../../ports/clock.ts'
import type { NodeId } from '../../ports/node-id.ts'

/** Silent so often in a row, a neighbour is gone. */
const maxMisses = 2
/** More neighbours than this are not taken. */
const maxContacts = 64

type Change = { readonly kind: 'joined' | 'left'; readonly id: NodeId }

/** A neighbour, and how often it was silent. */
interface Contact extends Neighbour {
  readonly misses: number
}

/** The neighbours of a node. */
export interface Contacts {
  all(): readonly Neighbour[]
  get(id: NodeId): Neighbour | undefined
  /** It answered: it is one from now on. Says no when there are too many. */
  heard(contact: Omit<Neighbour, 'sinceMs'>): boolean
  /** It did not answer. */
  missed(id: NodeId): void
  drop(id: NodeId): void
  onChange(listener: (change: Change) => void): () => void
}

/** Nobody at first. */
export function createContacts(clock: Clock): Contacts {
  const contacts = new Map<NodeId, Contact>()
  const listeners = new Set<(change: Change) => void>()

  function emit(change: Change): void {
    for (const listener of [...listeners]) listener(change)
  }

  function drop(id: NodeId): void {
    if (contacts.delete(id)) emit({ kind: 'left', id })
  }

  return {
    all: () => [...contacts.values()].map(({ misses: _, ...neighbour }) => neighbour),
    get: id => contacts.get(id),
    heard(contact) {
      const known = contacts.get(contact.id)
      if (known === undefined && contacts.size >= maxContacts) return false
      const { direction = contact.direction, sinceMs = clock.monotonicMs() } = known ?? {}
      contacts.set(contact.id, { ...contact, direction, sinceMs, misses: 0 })
      if (known === undefined) emit({ kind: 'joined', id: contact.id })
      return true
    },
    missed(id) {
      const known = contacts.get(id)
      if (known === undefined) return
      const misses = known.misses + 1
      if (misses >= maxMisses) drop(id)
      else contacts.set(id, { ...known, misses })
    },
    drop,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
