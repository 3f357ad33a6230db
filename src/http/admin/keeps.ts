import type { CoveredTags } from '../../keep/covered-tags.ts'
import type { KeepSet, KeptPattern } from '../../keep/keep-set.ts'
import type { KeepChange, Keeps } from '../../keep/keeps.ts'
import { defined, hasChanged, iso } from './describe.ts'
import type { KeepChangeAnswer, KeepsAnswer } from './keep-contract.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { wordTerms } from './word-terms.ts'

/** What the operations on keeps ask. */
export interface KeepParts {
  readonly keeps: Keeps
  readonly keepSet: Pick<KeepSet, 'patterns'>
  readonly coveredTags: CoveredTags
}

/** Adds what concerns keeps. */
export function addKeeps(
  add: AddOperation,
  {
    keeps,
    keepSet,
    coveredTags,
    asOf,
    nameOf,
  }: KeepParts & {
    readonly asOf: () => { readonly node: string; readonly asOf: string }
    /** What a node goes by, where that is known here. */
    readonly nameOf: (id: string) => string | undefined
  },
): void {
  add(operations.keeps, async () => {
    const patterns = keepSet.patterns()
    const { byPattern, any } = await coveredTags(patterns)
    const items = patterns.map((one, i) => ({
      ...describe(one),
      ...defined({ setOnName: one.said && nameOf(one.said.origin) }),
      tags: byPattern[i] ?? 0,
    }))
    return { ...asOf(), items, tags: any } satisfies KeepsAnswer
  })

  add(operations.putKeep, async ({ path, query, body, caller, audit }) => {
    const text = path['pattern'] ?? ''
    audit({ subject: text })
    const details = { note: body.note, author: body.author ?? caller }
    const change = await keeps.set(text, details, wordTerms(query.copies))
    audit(told(change))
    return tell(change)
  })

  add(operations.deleteKeep, async ({ path, query, caller, audit }) => {
    const text = path['pattern'] ?? ''
    audit({ subject: text })
    const change = await keeps.remove(text, caller, wordTerms(query.copies))
    audit(told(change))
    return tell(change)
  })

  async function tell(change: KeepChange): Promise<KeepChangeAnswer> {
    const { pattern, before, after, stored } = change
    const meant = after ?? before
    const { any } = await coveredTags(meant === undefined ? [] : [meant])
    return {
      ...asOf(),
      pattern,
      inForce: after !== undefined,
      configured: after?.isConfigured === true,
      tags: any,
      changed: hasChanged(told(change)),
      storedOn: stored,
    }
  }
}

const told = ({ pattern, before, after }: KeepChange) => ({
  subject: pattern,
  before: before && describe(before),
  after: after && describe(after),
})

function describe({
  pattern,
  isConfigured,
  said,
}: KeptPattern): Omit<KeepsAnswer['items'][number], 'tags'> {
  return {
    pattern,
    configured: isConfigured,
    ...(said !== undefined && {
      setAt: iso(said.atMs),
      setOn: said.origin,
      ...defined({ note: said.note, author: said.author }),
    }),
  }
}
