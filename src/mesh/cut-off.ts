import type { NodeId } from '../ports/node-id.ts'
import { type DialledAddress, type DialReport, dialWords } from './dial-report.ts'
import type { MemberStatus, OwnStatus } from './member-status.ts'

/** A node that starts, and one whose neighbours all start anew, is alone for a moment, ms. */
const graceMs = 10_000
/** Addresses that are named for each reason. */
const maxNamed = 3

/** Results of dials behind which a node may be that wants nothing to do with this one. */
const turnedAway = ['connected', 'hung-up', 'closed'] as const

/** Why this node reaches nobody, although it knows where others should be; `undefined`: it does reach one, or knows of none. */
export function cutOffFrom(
  { keyId, name }: Pick<OwnStatus, 'keyId' | 'name'>,
  members: readonly MemberStatus[],
  {
    dials: { addresses, aloneForMs = 0 },
    bannedBy,
  }: { readonly dials: DialReport; readonly bannedBy: ReadonlySet<NodeId> },
): string | undefined {
  const judges = members.filter(({ id }) => bannedBy.has(id)).map(member => member.name)
  if (aloneForMs > 0 && judges.length > 0) return tellBan(name, judges)
  const others = addresses.filter(({ result }) => result !== 'self')
  if (aloneForMs < graceMs || (others.length === 0 && members.length === 0)) return undefined
  const byResult = Map.groupBy(others, ({ result }) => result)
  const reasons = [...byResult].map(([result, group]) =>
    result === 'refused'
      ? `our cluster key ${keyId} is refused by ${tellAddresses(group)}`
      : `${tellAddresses(group)}: ${dialWords[result]}`,
  )
  const cures = [
    ...(byResult.has('refused') ? ['give this node the secret file that the others have'] : []),
    // The mesh port does not tell a banned node that it is one, and the peer port may not have been asked.
    ...(turnedAway.some(result => byResult.has(result))
      ? ['if it was banned it is met so, too: `holdfast bans`, asked of another node, tells']
      : []),
  ]
  return [reasons.join('; ') || 'nobody was dialled so far', ...cures].join('; ')
}

const tellBan = (name: string, judges: readonly string[]): string =>
  `this node is banned: ${judges.slice(0, maxNamed).join(', ')} did not let it in for that; \`holdfast bans\`, asked of another node (\`--address\`), tells why, and \`holdfast unban ${name}\` there lets it back`

function tellAddresses(group: readonly DialledAddress[]): string {
  const named = group.slice(0, maxNamed).map(({ address }) => address)
  const more = group.length - named.length
  return `${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
