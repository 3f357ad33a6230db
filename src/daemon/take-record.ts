import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import type { SignedRecord } from '../ledger/record.ts'
import { HoldfastError } from '../ports/errors.ts'
import type { TakeRecord } from '../pull/ask-members.ts'

/** Takes a member's word into the ledger. A node whose disk is full keeps no record, and answers with it all the same. */
export async function takeRecord(
  { records, replication }: Pick<OpenedLedger, 'records' | 'replication'>,
  record: SignedRecord,
): ReturnType<TakeRecord> {
  try {
    const [outcome] = await records.apply([record])
    return outcome === 'applied' || outcome === 'known' ? 'taken' : 'refused'
  } catch (error) {
    const isUnusable = error instanceof HoldfastError && error.code === 'ledger-unusable'
    if (!isUnusable) throw error
    return replication.isCredible(record) ? 'unkept' : 'refused'
  }
}
