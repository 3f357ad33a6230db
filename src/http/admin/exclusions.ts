import type { ExclusionChange, Exclusions } from '../../keep/exclusions.ts'
import { parseDigest } from '../../oci/digest.ts'
import type { Exclusion, ExclusionBook, ExclusionKind } from '../../ports/exclusion-book.ts'
import { parseNodeId } from '../../ports/node-id.ts'
import { defined, hasChanged, iso } from './describe.ts'
import type { ExclusionChangeAnswer, ExclusionsAnswer } from './exclusion-contract.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { QueryFault } from './read-query.ts'
import { wordTerms } from './word-terms.ts'

/** Adds what concerns bans and blocks. */
export function addExclusions(
  add: AddOperation,
  {
    exclusions,
    book,
    asOf,
    nameOf,
  }: {
    readonly exclusions: Exclusions
    readonly book: Pick<ExclusionBook, 'list'>
    readonly asOf: () => { readonly node: string; readonly asOf: string }
    /** What a node goes by, where that is known here. */
    readonly nameOf: (id: string) => string | undefined
  },
): void {
  const list = (kind: ExclusionKind): ExclusionsAnswer => ({
    ...asOf(),
    items: book.list(kind).map(exclusion => ({
      ...describe(exclusion),
      ...defined({ name: nameOf(exclusion.key), setOnName: nameOf(exclusion.origin) }),
    })),
  })
  const tell = (key: string, change: ExclusionChange): ExclusionChangeAnswer => ({
    ...asOf(),
    key,
    ...defined({ name: nameOf(key) }),
    inForce: change.after !== undefined,
    changed: hasChanged(change),
    storedOn: change.stored,
  })

  for (const [kind, all, put, remove] of [
    ['ban', operations.bans, operations.putBan, operations.deleteBan],
    ['block', operations.blocks, operations.putBlock, operations.deleteBlock],
  ] as const) {
    add(all, () => list(kind))
    add(put, async ({ path, query, body, caller, audit }) => {
      const key = readKey(kind, path)
      audit({ subject: key })
      const details = { note: body.note, author: body.author ?? caller }
      const change = await exclusions.set(kind, key, details, wordTerms(query.copies))
      audit({ subject: key, before: change.before, after: change.after })
      return tell(key, change)
    })
    add(remove, async ({ path, query, caller, audit }) => {
      const key = readKey(kind, path)
      audit({ subject: key })
      const change = await exclusions.lift(kind, key, caller, wordTerms(query.copies))
      audit({ subject: key, before: change.before, after: change.after })
      return tell(key, change)
    })
  }
}

const describe = ({
  key,
  atMs,
  origin,
  note,
  author,
}: Exclusion): ExclusionsAnswer['items'][number] => ({
  key,
  setAt: iso(atMs),
  setOn: origin,
  ...defined({ note, author }),
})

function readKey(kind: ExclusionKind, path: Readonly<Record<string, string>>): string {
  const text = path[kind === 'ban' ? 'node' : 'digest'] ?? ''
  const key = kind === 'ban' ? parseNodeId(text) : parseDigest(text)
  if (key !== undefined) return key
  const wanted = kind === 'ban' ? 'id of a node (64 hex digits)' : 'digest (sha256:…)'
  throw new QueryFault(`${JSON.stringify(text)} is no ${wanted}`)
}
