import type { AuditLog } from '../../ports/audit-log.ts'
import { defined, iso } from './describe.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import type { AuditAnswer } from './pin-contract.ts'

/** Adds the question for what was done. */
export function addAudit(
  add: AddOperation,
  {
    audit,
    asOf,
  }: {
    readonly audit: Pick<AuditLog, 'find'>
    readonly asOf: () => { readonly node: string; readonly asOf: string }
  },
): void {
  add(operations.audit, ({ query: { limit, ...filter } }) => {
    const found = audit.find({ ...filter, limit: limit + 1 })
    const page = found.slice(0, limit)
    const next = found.length > limit ? page.at(-1)?.id : undefined
    const items = page.map(({ id: _, atMs, before, after, ...entry }) => ({
      at: iso(atMs),
      ...entry,
      ...defined({ before, after }),
    }))
    return { ...asOf(), items, ...defined({ next }) } satisfies AuditAnswer
  })
}
