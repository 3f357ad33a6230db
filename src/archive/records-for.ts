import type { SignedRecord } from '../ledger/record.ts'
import { formatTag, type TagReference } from '../oci/reference.ts'
import type { Picked } from './plan-export.ts'

/** The ledger's records as they are relayed; none of a node that is banned. */
export interface CarriedRecords {
  /** What is said of a tag: observations, the newest first, and the last word on its pin, which may be its removal. */
  readonly signedWords: (key: TagReference) => readonly SignedRecord[]
  /** Tags whose pin was removed, with the record that did, in byte order. */
  readonly removedPins: () => readonly { readonly key: string; readonly signed: SignedRecord }[]
}

/**
 * The records that go with the images of a bundle. @param removals also those that take back the pins of other tags: who has the pins
 * from an earlier bundle would keep them for ever
 */
export function recordsFor(
  { signedWords, removedPins }: CarriedRecords,
  picked: readonly Picked[],
  removals: boolean,
): readonly SignedRecord[] {
  const keys = picked.flatMap(({ key }) => key ?? [])
  const told = new Set(keys.map(formatTag))
  const others = removals ? removedPins().filter(({ key }) => !told.has(key)) : []
  return [...keys.flatMap(signedWords), ...others.map(({ signed }) => signed)]
}
