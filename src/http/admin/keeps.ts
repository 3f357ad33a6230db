import type { CoveredTags } from '../../keep/covered-tags.ts'
import type { KeepSet, KeptPattern } from '../../keep/keep-set.ts'
import type { KeepChange, Keeps } from '../../keep/keeps.ts'
import { formatTag } from '../../oci/reference.ts'
import type { Keep } from '../../ports/keep-book.ts'
import { defined, iso, tellChange } from './describe.ts'
import type { KeepAnswer, KeepChangeAnswer, KeepsAnswer } from './keep-contract.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { readWordCheck, type TagReply, versionOfWord, writeTag } from './preconditions.ts'
import { ProblemError } from './problem.ts'
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
  const name = (one: KeptPattern) => ({
    ...describe(one),
    ...defined({ setOnName: one.said && nameOf(one.said.origin) }),
  })

  add(operations.keeps, async () => {
    const patterns = keepSet.patterns()
    const { byPattern, any } = await coveredTags(patterns)
    const items = patterns.map((one, i) => ({ ...name(one), tags: byPattern[i] ?? 0 }))
    return { ...asOf(), items, tags: any } satisfies KeepsAnswer
  })

  add(operations.keep, async ({ path, reply }) => {
    const found = keeps.find(path['pattern'] ?? '')
    if (found === undefined) throw notKept(path['pattern'])
    writeTag(reply, versionOfKeep(found))
    const { any, first } = await coveredTags([found])
    const covered = first.map(formatTag)
    return { ...asOf(), ...name(found), tags: any, covered } satisfies KeepAnswer
  })

  add(operations.putKeep, async ({ path, query, body, caller, request, reply, audit }) => {
    const text = path['pattern'] ?? ''
    audit({ subject: text })
    const details = { note: body.note, author: body.author ?? caller }
    const terms = wordTerms(query.copies, readWordCheck(request.headers, versionOfKeep))
    const change = await keeps.set(text, details, terms)
    audit(told(change))
    return tell(change, reply)
  })

  add(operations.deleteKeep, async ({ path, query, caller, request, reply, audit }) => {
    const text = path['pattern'] ?? ''
    audit({ subject: text })
    const terms = wordTerms(query.copies, readWordCheck(request.headers, versionOfKeep))
    const change = await keeps.remove(text, caller, terms)
    audit(told(change))
    return tell(change, reply)
  })

  const tellSaid = ({ atMs, origin, note, author }: Keep) => ({
    setAt: iso(atMs),
    setOn: origin,
    ...defined({ setOnName: nameOf(origin), note, author }),
  })

  async function tell(change: KeepChange, reply: TagReply): Promise<KeepChangeAnswer> {
    const { pattern, before, after, stored } = change
    writeTag(reply, after && versionOfKeep(after))
    const meant = after ?? before
    const { any } = await coveredTags(meant === undefined ? [] : [meant])
    return {
      ...asOf(),
      pattern,
      inForce: after !== undefined,
      configured: after?.isConfigured === true,
      tags: any,
      ...(after?.said && {
        ...tellSaid(after.said),
        ...defined({ version: versionOfKeep(after) }),
      }),
      ...tellChange(change, ({ said }) => said && tellSaid(said)),
      storedOn: stored,
    }
  }
}

const notKept = (pattern: string | undefined): ProblemError =>
  new ProblemError(404, `${pattern} is not kept; \`holdfast keeps\` lists what is`)

const versionOfKeep = ({ said }: KeptPattern): string | undefined => versionOfWord(said)

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
      ...defined({ note: said.note, author: said.author, version: versionOfWord(said) }),
    }),
  }
}
