import type { Member } from '../../ports/members.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { ProblemError } from './problem.ts'

/** The node that answers, and the others it knows. */
export interface KnownNodes {
  readonly self: { readonly id: NodeId; readonly name: string; readonly zone?: string | undefined }
  /** Absent: this node has no mesh. */
  readonly members?: (() => readonly Member[]) | undefined
  /** Nobody is to have to do with it. Absent: nobody is banned. */
  readonly isBanned?: ((id: NodeId) => boolean) | undefined
}

/** What a node goes by, where that is known here. */
export const createNameOf =
  ({ self, members = () => [] }: KnownNodes): ((id: string | undefined) => string | undefined) =>
  id =>
    [self, ...members()].find(node => node.id === id)?.name

/** Who is meant. */
export type FoundNode =
  | { readonly isSelf: true; readonly name: string }
  | { readonly isSelf: false; readonly name: string; readonly member: Member }

/** Stands for whoever is asked. */
const selfWord = 'self'

/** Of a node that is banned: what that means, and how to go back on it. */
export const tellBanned = (name: string): string =>
  `${name} is banned, and no node has to do with it; \`holdfast unban ${name}\` lifts that`

/** Beginnings of ids are told from names by this. */
const prefix = /^[0-9a-f]{6,64}$/

/** Names listed in a problem. */
const maxListed = 20

/**
 * The node of this name, id, or beginning of an id. A name is that of a node that is gone only where no other has it: who was set up anew
 * has another id. Throws `ProblemError`: 404 with the names that are known, 409 when it could be several.
 */
export function findNode(word: string, nodes: KnownNodes): FoundNode {
  const { self, members = () => [] } = nodes
  if (word === selfWord) return { isSelf: true, name: self.name }
  const known: Known[] = [{ ...self, isGone: false }, ...members().map(asKnown)]
  const found = among(known, word)
  const [one] = found
  if (one === undefined) throw new ProblemError(404, unknown(word, known))
  if (found.length > 1) {
    const ids = found.map(({ id }) => id.slice(0, 12)).join(', ')
    throw new ProblemError(409, `several nodes are ${word}: name one by its id: ${ids}`)
  }
  const { name, member } = one
  return member === undefined ? { isSelf: true, name } : { isSelf: false, name, member }
}

interface Known {
  readonly id: NodeId
  readonly name: string
  readonly isGone: boolean
  /** Absent: it is this node. */
  readonly member?: Member
}

const asKnown = (member: Member): Known => ({
  id: member.id,
  name: member.name,
  isGone: member.state === 'gone',
  member,
})

function among(known: readonly Known[], word: string): readonly Known[] {
  const named = known.filter(({ name }) => name === word)
  const present = named.filter(({ isGone }) => !isGone)
  if (named.length > 0) return present.length > 0 ? present : named
  return prefix.test(word) ? known.filter(({ id }) => id.startsWith(word)) : []
}

function unknown(word: string, known: readonly Known[]): string {
  const names = [...new Set(known.map(({ name }) => name))].sort()
  const more = names.length > maxListed ? ` and ${names.length - maxListed} more` : ''
  return `no node is called ${JSON.stringify(word)}; known are ${names.slice(0, maxListed).join(', ')}${more}`
}
