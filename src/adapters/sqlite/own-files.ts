import { lockFile, type OwnFiles } from '../../ports/own-files.ts'

const files = ['ledger.db', 'pins.journal', 'node.key', 'node-settings.json']

/** How a file is called that SQLite keeps beside another, that is to take its place, or that was moved aside, copied or bound to a machine. */
const beside = /^(-(wal|shm|journal)|\.(new|machine|v\d+|(damaged|of-another-machine)-\d+T\d+Z))*$/

/** One file, with what is written beside it: `ledger.db`, `ledger.db-wal`, `ledger.db.new`. */
const isFileOrBeside = (file: string, name: string): boolean =>
  name.startsWith(file) && beside.test(name.slice(file.length))

/** The lock of a directory that is claimed, and the journal that SQLite makes beside it meanwhile. */
export const isClaimFile = (name: string): boolean => isFileOrBeside(lockFile, name)

const snapshots: OwnFiles = {
  isFile: name => /^(ledger-\d+|unfinished)\.db(-(wal|shm|journal))?$/.test(name),
}

/** What the ledger keeps in the data directory: with what was moved aside, and copies made before a migration. */
export const ledgerFiles: OwnFiles = {
  isFile: name => isClaimFile(name) || files.some(file => isFileOrBeside(file, name)),
  folder: name => (name === 'snapshots' ? snapshots : undefined),
}
