/** The processors that the image is made for, as OCI and Debian call them. */
export const architectures = ['amd64', 'arm64'] as const
export type Architecture = (typeof architectures)[number]

/** Who runs Holdfast unless somebody says otherwise: uid and gid, and the owner of its data directory. */
export const ownUser = 65532

/** A file, a directory or a link of the image. */
export interface Entry {
  /** From the root, without a slash before or after: `usr/bin/node`. */
  readonly path: string
  readonly type: 'file' | 'directory' | 'symlink'
  /** Permission bits. */
  readonly mode: number
  /** A file's bytes. */
  readonly data?: Buffer
  /** Where a link leads. */
  readonly target?: string
  /** Owner and group; root when absent. */
  readonly owner?: number
}

/** A file that everybody may read. */
export function file(path: string, data: Buffer | string): Entry {
  return { path, type: 'file', mode: 0o644, data: Buffer.from(data) }
}

/** A directory; root's and readable unless said otherwise. */
export function directory(path: string, options: { mode?: number; owner?: number } = {}): Entry {
  return { path, type: 'directory', mode: 0o755, ...options }
}

export function symlink(path: string, target: string): Entry {
  return { path, type: 'symlink', mode: 0o777, target }
}

/** The entries with the directories above them that they do not name, each path once (the last wins), in the order of paths. */
export function arrange(entries: readonly Entry[]): readonly Entry[] {
  const byPath = new Map<string, Entry>()
  for (const { path } of entries) {
    const parts = path.split('/')
    for (let depth = 1; depth < parts.length; depth += 1) {
      const above = parts.slice(0, depth).join('/')
      byPath.set(above, directory(above))
    }
  }
  for (const entry of entries) byPath.set(entry.path, entry)
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Bytes of all files together. */
export function totalBytes(entries: readonly Entry[]): number {
  return entries.reduce((sum, { data }) => sum + (data?.length ?? 0), 0)
}
