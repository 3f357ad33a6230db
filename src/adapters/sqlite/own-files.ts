import { isFileOrBeside, lockFile, type OwnFiles } from '../../ports/own-files.ts'

const files = ['ledger.db', 'pins.journal', 'node.key', 'node-settings.json', lockFile]

const snapshots: OwnFiles = {
  isFile: name => /^(ledger-\d+|unfinished)\.db(-(wal|shm|journal))?$/.test(name),
}

/** What the ledger keeps in the data directory: with what was moved aside, and copies made before a migration. */
export const ledgerFiles: OwnFiles = {
  isFile: name => files.some(file => isFileOrBeside(file, name)),
  folder: name => (name === 'snapshots' ? snapshots : undefined),
}
