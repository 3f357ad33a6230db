import { formatReference } from '../../oci/reference.ts'
import { findAdmin } from '../admin-address.ts'
import { createAdminApi } from '../admin-api.ts'
import { type AuditAnswer, auditAnswer } from '../answers.ts'
import type { RunCommand } from '../command.ts'
import { columns, print, readLimit, readReference } from '../print.ts'

/** `holdfast audit [REF]` */
export const run: RunCommand = async context => {
  const [word] = context.words
  const subject = word === undefined ? undefined : formatReference(readReference(word))
  const limit = readLimit(context.options['limit'], 20, 1000)
  const api = createAdminApi(await findAdmin(context))
  const answer = await api.get('/api/v1/audit', { subject, limit }, auditAnswer)
  print(context, answer, () => lines(answer))
  return answer.items.length > 0 ? 'ok' : 'noAnswer'
}

function lines({ items }: AuditAnswer): string[] {
  if (items.length === 0) return ['nothing was changed through this node']
  const rows = items.map(({ at, caller, operation, subject, status, before, after }) => [
    at,
    caller,
    operation,
    subject,
    status === 200 ? '' : String(status),
    `${tell(before)} -> ${tell(after)}`,
  ])
  return columns([['AT', 'BY', 'DID', 'TO', '', 'CHANGED'], ...rows])
}

/** What says most of it, as the digest does of a pin; the rest is in the JSON. */
function tell(state: unknown): string {
  if (typeof state === 'string') return state
  if (typeof state !== 'object' || state === null) return 'nothing'
  if ('digest' in state && typeof state.digest === 'string') return state.digest
  if ('mode' in state) return String(state.mode)
  if ('dropped' in state) return `${state.dropped} ${isDry(state) ? 'would go' : 'dropped'}`
  return 'standing' in state ? String(state.standing) : 'something'
}

const isDry = (state: object): boolean => 'dryRun' in state && state.dryRun === true
