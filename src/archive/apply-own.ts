import { decodeRecord } from '../ledger/encode-record.ts'
import type { LedgerRecord, SignedRecord } from '../ledger/record.ts'
import { formatTag } from '../oci/reference.ts'
import type { RecordOutcome, RecordStore } from '../ports/record-store.ts'
import type { Root } from './read-layout.ts'

/** What became of a bundle's records. */
export interface AppliedRecords {
  /** Tags of which the ledger now knows by them. */
  readonly told: ReadonlySet<string>
  /** Why pins of the bundle's tags are not in the ledger. */
  readonly warnings: readonly string[]
}

/**
 * Takes the records of a bundle that say of one of its tags that it stands, or is to stand, for the digest the bundle has, and those that
 * take a pin back. Whatever else it carries is left alone: nobody could be answered by it.
 */
export async function applyOwn(
  apply: RecordStore['apply'],
  roots: readonly Root[],
  records: readonly SignedRecord[],
): Promise<AppliedRecords> {
  const tags = new Map(roots.map(({ name, digest }) => [name?.tag && formatTag(name.tag), digest]))
  const own = records.flatMap(signed => {
    const record = decodeRecord(signed, '')
    if (typeof record === 'string') return []
    const isOwn = tags.has(record.key) && tags.get(record.key) === record.target?.digest
    return isCarried(record, isOwn) ? [{ ...record, signed }] : []
  })
  if (own.length === 0) return { told: new Set(), warnings: [] }
  const outcomes = await apply(own.map(({ signed }) => signed))
  const told = own.filter((record, i) => !record.removed && isTold(outcomes[i]))
  const refused = own.flatMap((record, i) => refusalOf(record, outcomes[i]) ?? [])
  return { told: new Set(told.map(({ key }) => key)), warnings: refused }
}

const isCarried = ({ kind, removed }: LedgerRecord, isOwn: boolean): boolean =>
  kind === 'pin' ? removed || isOwn : kind === 'observation' && isOwn

/** What waits for its time is told as well: it will be known then. */
const isTold = (outcome: RecordOutcome | undefined): boolean =>
  outcome === 'applied' || outcome === 'known' || outcome === 'quarantined'

function refusalOf(
  { kind, key, origin, removed }: LedgerRecord,
  outcome: RecordOutcome | undefined,
): string | undefined {
  if (kind !== 'pin' || outcome === undefined || isTold(outcome)) return undefined
  const what = removed ? 'the removal of the pin' : 'the pin'
  const why =
    outcome === 'no-operator'
      ? `node ${origin.slice(0, 12)}, which set it, is no operator here (mesh.operators)`
      : outcome
  return `${what} of ${key} was not taken: ${why}`
}
