/** What a part keeps in a directory, by which it is told from what others put there. */
export interface OwnFiles {
  isFile(name: string): boolean
  /** What is kept in a folder of this name; `undefined`: it is not ours. */
  folder?(name: string): OwnFiles | undefined
}

/** In every directory that is ours, locked by whoever runs there. */
export const lockFile = 'holdfast.lock'

/** How a file is called that SQLite keeps beside another, that is to take its place, or that was moved aside, copied or bound to a machine. */
const beside =
  /^(-(wal|shm|journal)|\.(new|machine|v\d+|[\da-f]{12}|(damaged|of-another-machine)-\d+T\d+Z))*$/

/** One file, with what is written beside it: `ledger.db`, `ledger.db-wal`, `ledger.db.new`. */
export const isFileOrBeside = (file: string, name: string): boolean =>
  name.startsWith(file) && beside.test(name.slice(file.length))
