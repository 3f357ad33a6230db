import { decodeRecord } from '../ledger/encode-record.ts'
import type { SignedRecord } from '../ledger/record.ts'
import type { Log } from '../ports/log.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { OnTaken } from './intake.ts'

/** Nodes that were told of; then it begins anew. */
const maxTold = 1_000

/**
 * Tells the log who spoke as an operator and is none: each node once, or it could fill the log. It is not held against anybody: nodes
 * may have been given different lists of operators.
 */
export function createPretenderLog(log: Log): OnTaken {
  const told = new Set<NodeId>()

  function tell(signed: SignedRecord): void {
    const record = decodeRecord(signed, '')
    if (typeof record === 'string' || told.has(record.origin)) return
    if (told.size >= maxTold) told.clear()
    const { origin, kind, key } = record
    told.add(origin)
    log.warn({ origin, kind, key }, 'a node that is no operator spoke as one: not taken')
  }

  return (outcomes, records) => {
    for (const [at, signed] of records.entries()) {
      if (outcomes[at] === 'no-operator') tell(signed)
    }
  }
}
