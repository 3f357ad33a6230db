import type { ExclusionChange, Exclusions } from '../../keep/exclusions.ts'
import { parseDigest } from '../../oci/digest.ts'
import type { Exclusion, ExclusionBook, ExclusionKind } from '../../ports/exclusion-book.ts'
import { parseNodeId } from '../../ports/node-id.ts'
import type { TellHits } from './block-hits.ts'
import { defined, iso, tellChange } from './describe.ts'
import type {
  BlockHits,
  ExclusionAnswer,
  ExclusionChangeAnswer,
  ExclusionsAnswer,
} from './exclusion-contract.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { readWordCheck, versionOfWord, writeTag } from './preconditions.ts'
import { ProblemError } from './problem.ts'
import { QueryFault } from './read-query.ts'
import { wordTerms } from './word-terms.ts'

/** Adds what concerns bans and blocks. */
export function addExclusions(
  add: AddOperation,
  {
    exclusions,
    book,
    tellHits,
    asOf,
    nameOf,
  }: {
    readonly exclusions: Exclusions
    readonly book: Pick<ExclusionBook, 'list'>
    readonly tellHits: TellHits
    readonly asOf: () => { readonly node: string; readonly asOf: string }
    /** What a node goes by, where that is known here. */
    readonly nameOf: (id: string) => string | undefined
  },
): void {
  const name = (exclusion: Exclusion): ExclusionsAnswer['items'][number] => ({
    ...describe(exclusion),
    ...defined({ name: nameOf(exclusion.key), setOnName: nameOf(exclusion.origin) }),
  })
  const list = (kind: ExclusionKind): ExclusionsAnswer => ({
    ...asOf(),
    items: book.list(kind).map(name),
  })
  const tellSaid = (exclusion: Exclusion) => {
    const { setAt, setOn, setOnName, note, author } = name(exclusion)
    return { setAt, setOn, ...defined({ setOnName, note, author }) }
  }
  const tell = (key: string, change: ExclusionChange): ExclusionChangeAnswer => ({
    ...asOf(),
    key,
    ...defined({ name: nameOf(key) }),
    inForce: change.after !== undefined,
    ...(change.after && {
      ...tellSaid(change.after),
      ...defined({ version: versionOf(change.after) }),
    }),
    ...tellChange(change, tellSaid),
    storedOn: change.stored,
  })

  const hitsOf = async (kind: ExclusionKind, key: string): Promise<Partial<BlockHits>> =>
    kind === 'block' ? tellHits(key) : {}

  for (const [kind, all, one, put, remove] of [
    ['ban', operations.bans, operations.ban, operations.putBan, operations.deleteBan],
    ['block', operations.blocks, operations.block, operations.putBlock, operations.deleteBlock],
  ] as const) {
    add(all, () => list(kind))
    add(one, ({ path, reply }) => {
      const key = readKey(kind, path)
      const found = exclusions.find(kind, key)
      if (found === undefined) throw notThere(kind, key)
      writeTag(reply, versionOf(found))
      return { ...asOf(), ...name(found) } satisfies ExclusionAnswer
    })
    add(put, async ({ path, query, body, caller, request, reply, audit }) => {
      const key = readKey(kind, path)
      audit({ subject: key })
      const details = { note: body.note, author: body.author ?? caller }
      const terms = wordTerms(query.copies, readWordCheck(request.headers, versionOf))
      const change = await exclusions.set(kind, key, details, terms)
      writeTag(reply, change.after && versionOf(change.after))
      audit({ subject: key, ...noted(change) })
      return { ...tell(key, change), ...(await hitsOf(kind, key)) }
    })
    add(remove, async ({ path, query, caller, request, audit }) => {
      const key = readKey(kind, path)
      audit({ subject: key })
      const terms = wordTerms(query.copies, readWordCheck(request.headers, versionOf))
      const change = await exclusions.lift(kind, key, caller, terms)
      audit({ subject: key, ...noted(change) })
      return { ...tell(key, change), ...(await hitsOf(kind, key)) }
    })
  }
}

const noted = ({ before, after }: ExclusionChange) => ({
  before: before && describe(before),
  after: after && describe(after),
})

const notThere = (kind: ExclusionKind, key: string): ProblemError =>
  new ProblemError(404, `there is no ${kind} of ${key}; \`holdfast ${kind}s\` lists them`)

const versionOf = (exclusion: Exclusion): string | undefined => versionOfWord(exclusion)

const describe = (exclusion: Exclusion): ExclusionsAnswer['items'][number] => {
  const { key, atMs, origin, note, author } = exclusion
  const version = versionOf(exclusion)
  return { key, setAt: iso(atMs), setOn: origin, ...defined({ note, author, version }) }
}

const readKey = (kind: ExclusionKind, path: Readonly<Record<string, string>>): string =>
  readExclusionKey(kind, path[kind === 'ban' ? 'node' : 'digest'] ?? '')

/** The id of a node, or a digest. Throws `QueryFault`. */
export function readExclusionKey(kind: ExclusionKind, text: string): string {
  const key = kind === 'ban' ? parseNodeId(text) : parseDigest(text)
  if (key !== undefined) return key
  const wanted = kind === 'ban' ? 'id of a node (64 hex digits)' : 'digest (sha256:…)'
  throw new QueryFault(`${JSON.stringify(text)} is no ${wanted}`)
}
