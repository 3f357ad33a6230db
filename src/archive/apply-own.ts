import { decodeRecord } from '../ledger/encode-record.ts'
import type { SignedRecord } from '../ledger/record.ts'
import { formatTag } from '../oci/reference.ts'
import type { RecordStore } from '../ports/record-store.ts'
import type { Root } from './read-layout.ts'

/**
 * Takes the records of a bundle that say of one of its tags that it stands for the digest the bundle has; whatever else it carries is left
 * alone. Returns the tags of which the ledger now knows by them.
 */
export async function applyOwn(
  apply: RecordStore['apply'],
  roots: readonly Root[],
  records: readonly SignedRecord[],
): Promise<ReadonlySet<string>> {
  const tags = new Map(roots.map(({ name, digest }) => [name?.tag && formatTag(name.tag), digest]))
  const own = records.flatMap(signed => {
    const record = decodeRecord(signed, '')
    if (typeof record === 'string' || record.kind !== 'observation') return []
    return tags.get(record.key) === record.target?.digest ? [{ signed, key: record.key }] : []
  })
  if (own.length === 0) return new Set()
  const outcomes = await apply(own.map(({ signed }) => signed))
  return new Set(own.filter((_, i) => isTold(outcomes[i])).map(({ key }) => key))
}

/** What waits for its time is told as well: it will be known then. */
const isTold = (outcome: string | undefined): boolean =>
  outcome === 'applied' || outcome === 'known' || outcome === 'quarantined'
