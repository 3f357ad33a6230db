import type { NodeId } from '../ports/node-id.ts'
import { cutOffFrom } from './cut-off.ts'
import type { DialReport } from './dial-report.ts'
import type { MemberStatus, OwnStatus } from './member-status.ts'

/** Something in the mesh that an operator should look at. */
export interface MeshAlarm {
  /**
   * `twin-key`: two nodes use one key, one is a copy of the other; `twin-name`: members that have one name; `protocol`: no version of the
   * protocol in common with this node; `clock-unverified`: nobody confirmed this node's time; `clock-apart`: a clock more than five
   * minutes from this node's; `other-key`: members that dial with another cluster key than this node; `dropped-key`: members that are gone, and
   * whose last word was that they dial with a key which this node does not accept; `cut-off`: this node has no
   * connection with any other, and knows where some should be; `keys-unread`: the file of cluster keys is not taken as it is now.
   */
  readonly code:
    | 'twin-key'
    | 'twin-name'
    | 'protocol'
    | 'clock-unverified'
    | 'clock-apart'
    | 'other-key'
    | 'dropped-key'
    | 'cut-off'
    | 'keys-unread'
  /** Whom it is about. */
  readonly nodes: readonly { readonly id: NodeId; readonly name: string }[]
  /** Why, where the code does not tell. */
  readonly detail?: string
}

/** Clocks further apart than this make records of one wait at the other, ms. */
const clockApartMs = 300_000

/** What is wrong among those that are not gone. */
export function meshAlarms(
  self: OwnStatus,
  members: readonly MemberStatus[],
  seen: {
    readonly twins: ReadonlySet<NodeId>
    readonly dials: DialReport
    readonly keysFailure: string | undefined
    readonly bannedBy: ReadonlySet<NodeId>
  },
): readonly MeshAlarm[] {
  const present = members.filter(member => member.state !== 'gone')
  const everybody = [self, ...present]
  const isAccepted = (keyId: string): boolean => self.acceptedKeyIds?.includes(keyId) ?? true
  const alarms: MeshAlarm[] = []
  const tellOwn = (code: MeshAlarm['code'], detail: string | undefined) => {
    if (detail !== undefined) {
      alarms.push({ code, nodes: [{ id: self.id, name: self.name }], detail })
    }
  }
  tellOwn('cut-off', cutOffFrom(self, members, seen))
  tellOwn('keys-unread', seen.keysFailure)
  const raise = (code: MeshAlarm['code'], nodes: readonly { id: NodeId; name: string }[]) => {
    if (nodes.length > 0) alarms.push({ code, nodes: nodes.map(({ id, name }) => ({ id, name })) })
  }
  for (const node of everybody) if (seen.twins.has(node.id)) raise('twin-key', [node])
  for (const [, nodes] of Map.groupBy(everybody, node => node.name)) {
    if (nodes.length > 1) raise('twin-name', nodes)
  }
  raise(
    'protocol',
    present.filter(member => !member.isCompatible),
  )
  if (self.clockSource === undefined) raise('clock-unverified', [self])
  raise(
    'clock-apart',
    present.filter(({ clockSkewMs }) => Math.abs(clockSkewMs ?? 0) > clockApartMs),
  )
  raise(
    'other-key',
    present.filter(member => member.keyId !== self.keyId),
  )
  raise(
    'dropped-key',
    members.filter(({ state, keyId }) => state === 'gone' && !isAccepted(keyId)),
  )
  return alarms
}
