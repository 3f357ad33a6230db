import { sample } from '../ledger/sample.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { BackOff } from './back-off.ts'
import type { MemberEntry } from './member-entry.ts'

/** Somebody to dial: a member at its addresses, or whoever listens at one that a seed named. */
export interface Candidate {
  readonly id: NodeId | undefined
  /** Those that are due, best first; at least one. */
  readonly addresses: readonly string[]
}

/** Whom to dial, best first. */
export interface Candidates {
  /** Members that are there and not connected, and seeds that may be anybody. */
  readonly wanted: readonly Candidate[]
  /** Whoever may belong to another part of the mesh: seeds that no living member listens at, and members that are gone. */
  readonly lost: readonly Candidate[]
}

/** Addresses of one member that are tried in a row. */
const maxAddresses = 3

/** Looks through seeds and members. */
export function findCandidates(
  parts: {
    readonly seeds: readonly string[]
    readonly entries: Iterable<MemberEntry>
    /** Who was found at an address by dialling it. */
    readonly foundAt: (address: string) => NodeId | undefined
    readonly backOff: Pick<BackOff, 'isDue'>
    readonly random: () => number
  },
  options: { readonly self: NodeId; readonly ownAddresses: ReadonlySet<string> },
): Candidates {
  const entries = [...parts.entries]
  const listening = new Map<string, MemberEntry>()
  for (const entry of entries) {
    for (const address of entry.view.meshAddresses) listening.set(address, entry)
  }
  const byId = new Map(entries.map(entry => [entry.hello.id, entry]))
  const isDue = (address: string): boolean =>
    parts.backOff.isDue(address) && !options.ownAddresses.has(address)

  function ofMember(entry: MemberEntry): Candidate[] {
    if (entry.isNeighbour) return []
    const mayBeAt = (address: string): boolean =>
      isDue(address) && (parts.foundAt(address) ?? entry.hello.id) === entry.hello.id
    const addresses = entry.view.meshAddresses.filter(mayBeAt).slice(0, maxAddresses)
    return addresses.length === 0 ? [] : [{ id: entry.hello.id, addresses }]
  }

  /** The member that listens there, as far as known; its own word counts less than what was found. */
  function memberAt(address: string): MemberEntry | undefined {
    const found = parts.foundAt(address)
    return found === undefined ? listening.get(address) : byId.get(found)
  }

  const strangers = parts.seeds.filter(address => {
    const isOwn = parts.foundAt(address) === options.self
    const member = memberAt(address)
    return isDue(address) && !isOwn && (member === undefined || member.state === 'gone')
  })
  const ofSeeds = strangers.map((address): Candidate => {
    const id = memberAt(address)?.hello.id
    return { id, addresses: [address] }
  })
  const shuffled = sample(entries, entries.length, parts.random)
  const there = shuffled.filter(entry => entry.state !== 'gone').flatMap(ofMember)
  const gone = shuffled.filter(entry => entry.state === 'gone').flatMap(ofMember)
  return {
    wanted: [...there, ...ofSeeds, ...gone],
    lost: sample([...ofSeeds, ...gone], ofSeeds.length + gone.length, parts.random),
  }
}
