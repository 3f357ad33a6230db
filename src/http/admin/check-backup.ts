import { OciError } from '../../oci/errors.ts'
import { parseTag } from '../../oci/reference.ts'
import { createTurns } from '../../ports/turns.ts'
import type { RestoreBody } from './backup-contract.ts'
import { readExclusionKey } from './exclusions.ts'
import { QueryFault } from './read-query.ts'
import { readPinTarget } from './restore-steps.ts'

/**
 * Reads what the entries of a backup are of, before any of them is said: a file in which a digest, a tag or the id of a node was cut or
 * mistyped is no backup. Throws `QueryFault` of the first such entry. There may be tens of thousands.
 */
export async function checkBackup({ bans, blocks, pins }: RestoreBody): Promise<void> {
  const turns = createTurns()
  for (const [kind, entries] of [['ban', bans] as const, ['block', blocks] as const]) {
    for (const [at, { key }] of entries.entries()) {
      readAt(`${kind}s[${at}].key`, () => readExclusionKey(kind, key))
      await turns.take()
    }
  }
  for (const [at, { reference, digest }] of pins.entries()) {
    readAt(`pins[${at}].reference`, () => parseTag(reference))
    readAt(`pins[${at}].digest`, () => readPinTarget(digest))
    await turns.take()
  }
}

/** Says of what fails where it stands. */
function readAt(place: string, read: () => unknown): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof QueryFault || error instanceof OciError)) throw error
    throw new QueryFault(`${place}: ${error.message}`)
  }
}
