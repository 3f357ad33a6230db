import type { IncomingHttpHeaders } from 'node:http'
import type { ClusterMode, ClusterModeChange, ClusterModeTerms } from '../../keep/cluster-mode.ts'
import type { ClusterModeState, ModeSwitch } from '../../keep/mode-switch.ts'
import { defined, iso, isoOf, tellChange } from './describe.ts'
import type { ClusterModeAnswer, ClusterModeChangeAnswer, ModeAnswer } from './mode-contract.ts'
import { modeOperations } from './mode-operations.ts'
import type { AddOperation } from './operation.ts'
import { readWordCheck, type TagReply, versionOfWord, writeTag } from './preconditions.ts'
import { wordTerms } from './word-terms.ts'

/** Subject in the audit log: it concerns all nodes. */
export const modeSubject = 'cluster'

/** What the operations on the mode of all nodes ask. */
export interface ClusterModeParts {
  readonly clusterMode: ClusterMode
  /** The mode of this node. */
  readonly modeSwitch: Pick<ModeSwitch, 'state'>
}

/** Adds what concerns the mode of all nodes. */
export function addClusterMode(
  add: AddOperation,
  {
    clusterMode,
    modeSwitch,
    asOf,
    nameOf,
  }: ClusterModeParts & {
    readonly asOf: () => { readonly node: string; readonly asOf: string }
    /** What a node goes by, where that is known here. */
    readonly nameOf: (id: string) => string | undefined
  },
): void {
  add(modeOperations.clusterMode, ({ reply }) => tell(clusterMode.standing(), reply))

  add(modeOperations.putClusterMode, async ({ query, body, caller, request, reply, audit }) => {
    audit({ subject: modeSubject })
    const { mode, forSeconds, note, author: by = caller } = body
    const forMs = forSeconds === undefined ? undefined : forSeconds * 1_000
    const terms = termsOf(request.headers, query.copies)
    return changed(await clusterMode.set({ mode, by, note, forMs }, terms), reply, audit)
  })

  add(modeOperations.deleteClusterMode, async ({ query, caller, request, reply, audit }) => {
    audit({ subject: modeSubject })
    const terms = termsOf(request.headers, query.copies)
    return changed(await clusterMode.lift(caller, terms), reply, audit)
  })

  function changed(
    { before, after, stored }: ClusterModeChange,
    reply: TagReply,
    audit: (what: { subject: string; before?: unknown; after?: unknown }) => void,
  ): ClusterModeChangeAnswer {
    audit({
      subject: modeSubject,
      before: before && describeClusterMode(before),
      after: after && describeClusterMode(after),
    })
    const told = tellChange({ before, after }, was => describeClusterMode(was, nameOf))
    return { ...tell(after, reply), ...told, storedOn: stored }
  }

  function tell(standing: ClusterModeState | undefined, reply: TagReply): ClusterModeAnswer {
    writeTag(reply, standing && versionOf(standing))
    const { mode, decidedBy } = modeSwitch.state()
    const cluster = standing && describeClusterMode(standing, nameOf)
    return { ...asOf(), ...defined({ cluster }), here: { mode, decidedBy } }
  }
}

/** It is told with every answer about the mode. */
export function describeClusterMode(
  standing: ClusterModeState,
  nameOf: (id: string) => string | undefined = () => undefined,
): NonNullable<ModeAnswer['cluster']> {
  const { mode, by, atMs, untilMs, origin, note } = standing
  const version = versionOf(standing)
  const told = { until: isoOf(untilMs), note, setOnName: nameOf(origin), version }
  return { mode, by, at: iso(atMs), ...defined(told), setOn: origin }
}

function termsOf(headers: IncomingHttpHeaders, copies: number): ClusterModeTerms {
  return { ...wordTerms(copies), check: readWordCheck(headers, versionOf) }
}

/** All of it: words of one millisecond have the same time. */
const versionOf = (standing: ClusterModeState): string | undefined => versionOfWord(standing)
