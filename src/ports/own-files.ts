/** What a part keeps in a directory, by which it is told from what others put there. */
export interface OwnFiles {
  isFile(name: string): boolean
  /** What is kept in a folder of this name; `undefined`: it is not ours. */
  folder?(name: string): OwnFiles | undefined
}

/** In every directory that is ours, locked by whoever runs there. */
export const lockFile = 'holdfast.lock'
