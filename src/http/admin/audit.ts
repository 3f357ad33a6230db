import type { AuditLog } from '../../ports/audit-log.ts'
import { defined, iso } from './describe.ts'
import type { AuditAnswer, AuditQuery } from './pin-contract.ts'
import { readTime } from './read-query.ts'

/** What was done on this node, as the API tells it. */
export type TellAudit = (query: AuditQuery) => AuditAnswer

/** Tells what the audit log has. */
export function createTellAudit({
  audit,
  asOf,
  nameOf,
}: {
  readonly audit: Pick<AuditLog, 'find'>
  readonly asOf: () => { readonly node: string; readonly asOf: string }
  /** What a node goes by, where that is known here. */
  readonly nameOf: (id: string) => string | undefined
}): TellAudit {
  return ({ limit, since, until, ...filter }) => {
    const times = { sinceMs: readTime(since), untilMs: readTime(until) }
    const found = audit.find({ ...filter, ...times, limit: limit + 1 })
    const page = found.slice(0, limit)
    const next = found.length > limit ? page.at(-1)?.id : undefined
    const items = page.map(({ id: _, atMs, before, after, ...entry }) => ({
      at: iso(atMs),
      ...entry,
      ...defined({ subjectName: nameOf(entry.subject), before, after }),
    }))
    return { ...asOf(), items, ...defined({ next }) }
  }
}
