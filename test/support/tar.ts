/** One entry of a layer. Names are relative, without a leading slash; a directory's may end in one. */
export interface TarEntry {
  readonly name: string
  /** A file's content; absent for the other types. */
  readonly data?: Uint8Array | string
  /** Permission bits; default 0755 for a directory, 0777 for a symlink, 0644 for a file. */
  readonly mode?: number
  readonly type?: 'file' | 'directory' | 'symlink' | 'hardlink'
  /** Where a link leads. */
  readonly target?: string
}

const typeFlags = { file: '0', hardlink: '1', symlink: '2', directory: '5' } as const
const defaultModes = { file: 0o644, hardlink: 0o644, symlink: 0o777, directory: 0o755 } as const

const block = 512
const padded = (size: number): number => Math.ceil(size / block) * block

/** A tar archive of these entries: root's, dated 1970, so that equal entries are equal bytes. Names have at most 100 bytes. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const files = entries.map(entry => ({ entry, data: Buffer.from(entry.data ?? '') }))
  const size = files.reduce((sum, { data }) => sum + block + padded(data.length), 2 * block)
  const archive = Buffer.alloc(size)
  let at = 0
  for (const { entry, data } of files) {
    writeHeader(archive.subarray(at, at + block), entry, data.length)
    data.copy(archive, at + block)
    at += block + padded(data.length)
  }
  return archive
}

/**
 * A tar archive with one file of `size` bytes, written by `fill` in place: for layers too large to be copied about.
 */
export function tarAround(name: string, size: number, fill: (data: Buffer) => void): Buffer {
  const archive = Buffer.alloc(3 * block + padded(size))
  writeHeader(archive.subarray(0, block), { name }, size)
  fill(archive.subarray(block, block + size))
  return archive
}

function writeHeader(header: Buffer, entry: TarEntry, size: number): void {
  const type = entry.type ?? 'file'
  if (Buffer.byteLength(entry.name) > 100) throw new Error(`too long for tar: ${entry.name}`)
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')
  header.write(entry.name, 0)
  header.write(`${octal(entry.mode ?? defaultModes[type], 7)}\0`, 100)
  header.write(`${octal(0, 7)}\0${octal(0, 7)}\0`, 108) // user and group
  header.write(`${octal(size, 11)}\0${octal(0, 11)}\0`, 124) // size and time
  header.write(' '.repeat(8), 148) // the checksum counts itself as spaces
  header.write(typeFlags[type], 156)
  header.write(entry.target ?? '', 157)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${octal(sum, 6)}\0 `, 148)
}
