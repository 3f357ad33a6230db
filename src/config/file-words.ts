const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of the path is no directory',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

/** Why a file cannot be written, in words that do not name it again. */
export const writeReason = (error: unknown): string =>
  codeOf(error) === 'ENOENT' ? 'there is no such directory' : fileReason(error)

/** Why a file cannot be read, in words that do not name it again. */
export function fileReason(error: unknown): string {
  const code = codeOf(error)
  return reasons[code] ?? (code || 'unknown error')
}
