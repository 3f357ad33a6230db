import { type ByteReader, createByteReader } from './byte-reader.ts'
import { isSkippable, lz4Magic } from './compression.ts'

/*
 * LZ4's frame format, decoded. Our own, because what there is takes a whole file into memory or compiles at installation.
 * Source: https://github.com/lz4/lz4/blob/v1.10.0/doc/lz4_Frame_format.md and lz4_Block_format.md
 *
 * Its checksums are not looked at: what an archive holds is verified by the digests in it.
 */

/** How far back a match may reach, in bytes. */
const windowBytes = 64 * 1024

/** Unpacks LZ4 frames, one or several. Throws when it is broken or cut short. */
export function unpackLz4(
  read: () => Uint8Array | undefined,
  write: (bytes: Uint8Array) => void,
): void {
  const reader = createByteReader(read)
  while (!reader.isOver()) {
    const magic = readWord(reader)
    if (magic === lz4Magic) unpackFrame(reader, write)
    else if (isSkippable(magic)) skip(reader, readWord(reader))
    else throw new Error('no LZ4 frame begins here')
  }
}

function readWord(reader: ByteReader): number {
  const bytes = reader.take(4)
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
}

function skip(reader: ByteReader, length: number): void {
  for (let left = length; left > 0; left -= windowBytes) reader.take(Math.min(left, windowBytes))
}

function unpackFrame(reader: ByteReader, write: (bytes: Uint8Array) => void): void {
  const [flags = 0, sizes = 0] = reader.take(2)
  if (flags >> 6 !== 1) throw new Error('an unknown version of the LZ4 frame format')
  if ((flags & 1) !== 0) throw new Error('an LZ4 frame that needs a dictionary')
  const maxBlockBytes = blockBytes((sizes >> 4) & 7)
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4
  reader.take(((flags & 8) === 0 ? 0 : 8) + 1) // the content's size and the header's checksum
  const output = new Uint8Array(windowBytes + maxBlockBytes)
  let start = 0
  for (let size = readWord(reader); size !== 0; size = readWord(reader)) {
    const isPlain = size >= 0x80000000
    const length = isPlain ? size - 0x80000000 : size
    if (length > maxBlockBytes) throw new Error('an LZ4 block that is larger than its frame allows')
    const block = reader.take(length)
    const end = isPlain ? place(output, start, block) : unpackBlock(output, start, block)
    write(output.slice(start, end))
    reader.take(checksumBytes)
    output.copyWithin(0, Math.max(0, end - windowBytes), end)
    start = Math.min(end, windowBytes)
  }
  if ((flags & 4) !== 0) reader.take(4)
}

function blockBytes(code: number): number {
  if (code < 4) throw new Error('an unknown size of LZ4 blocks')
  return 64 * 1024 * 4 ** (code - 4)
}

function place(output: Uint8Array, at: number, bytes: Uint8Array): number {
  output.set(bytes, at)
  return at + bytes.length
}

/** Unpacks a block to `start` of `output`, before which lies what matches may refer to; returns where it ends. */
function unpackBlock(output: Uint8Array, start: number, block: Uint8Array): number {
  let from = 0
  let to = start

  /** A length of which the token has `nibble`. */
  function lengthOf(nibble: number): number {
    let length = nibble
    if (nibble < 15) return length
    for (let byte = 255; byte === 255; from++) {
      byte = block[from] ?? fail()
      length += byte
    }
    return length
  }

  while (from < block.length) {
    const token = block[from] ?? 0
    from += 1
    const literals = lengthOf(token >> 4)
    if (literals > block.length - from || literals > output.length - to) fail()
    output.set(block.subarray(from, from + literals), to)
    from += literals
    to += literals
    if (from === block.length) return to
    const offset = (block[from] ?? 0) + (block[from + 1] ?? fail()) * 256
    from += 2
    const match = lengthOf(token & 15) + 4
    if (offset === 0 || offset > to || match > output.length - to) fail()
    copyMatch(output, to, offset, match)
    to += match
  }
  return to
}

/** A match may overlap what it makes: then it repeats it. */
function copyMatch(output: Uint8Array, to: number, offset: number, length: number): void {
  if (offset >= length) output.copyWithin(to, to - offset, to - offset + length)
  else for (let i = to; i < to + length; i++) output[i] = output[i - offset] ?? 0
}

function fail(): never {
  throw new Error('a broken LZ4 block')
}
