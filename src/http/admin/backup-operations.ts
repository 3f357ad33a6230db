import {
  backupAnswer,
  maxBackupBytes,
  restoreAnswer,
  restoreBody,
  restoreQuery,
} from './backup-contract.ts'
import { noQuery, type Operation, operation, read } from './operation.ts'

/** What operators said, carried over. */
export const backupOperations = {
  backup: operation({
    ...read,
    id: 'getBackup',
    path: '/api/v1/backup',
    summary:
      'What operators said and is in force: pins, keeps, blocks, bans, schedules and the mode of all nodes; it holds no secret',
    query: noQuery,
    answer: backupAnswer,
    problems: [409],
  }),
  restore: operation({
    id: 'restore',
    method: 'POST',
    path: '/api/v1/restore',
    summary:
      'Say anew what a backup holds and does not stand already; nothing is taken away, and to send it again changes nothing',
    role: 'write',
    query: restoreQuery,
    body: restoreBody,
    maxBodyBytes: maxBackupBytes,
    answer: restoreAnswer,
    problems: [409],
  }),
} as const satisfies Record<string, Operation>
