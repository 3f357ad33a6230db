import { createAuditWriter } from './audit-log.ts'
import { createAwaitedWriter } from './awaited-images.ts'
import type { Connection } from './database.ts'
import { createDropWriter } from './drop-memory.ts'
import { createLeaseWriter } from './lease-store.ts'
import { createMemberWriter } from './member-store.ts'
import { createPodWriter } from './pod-memory.ts'
import { createContentWriter } from './write-content.ts'
import type { Job } from './writer-protocol.ts'

type LocalType =
  | 'setting'
  | 'members'
  | 'lease'
  | 'dropped'
  | 'awaited'
  | 'pods'
  | 'audit'
  | 'catalog'
  | 'resolutions'
  | 'snapshot'

/** A job that concerns this node alone: others are not told of what it writes. */
export type LocalJob = Extract<Job, { readonly type: LocalType }>

/** Prepares the writing of what is never replicated; call it inside a transaction. */
export function createLocalWriter(db: Connection): (job: LocalJob) => void {
  const content = createContentWriter(db)
  const members = createMemberWriter(db)
  const lease = createLeaseWriter(db)
  const dropped = createDropWriter(db)
  const awaited = createAwaitedWriter(db)
  const pods = createPodWriter(db)
  const audit = createAuditWriter(db)
  return job => {
    switch (job.type) {
      case 'setting':
        return content.writeSetting(job.name, job.value)
      case 'members':
        return members(job.change)
      case 'lease':
        return lease(job.change)
      case 'dropped':
        return dropped(job.change)
      case 'awaited':
        return awaited(job.change)
      case 'pods':
        return pods(job.change)
      case 'audit':
        return audit(job.entry)
      case 'catalog':
        return content.writeCatalog(job.batch)
      case 'resolutions':
        return content.writeResolutions(job.lines)
      case 'snapshot':
        return undefined // taken between transactions
    }
  }
}
