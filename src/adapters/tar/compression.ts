/** How an archive is compressed, told from its first bytes: a name may lie. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'lz4'

/** Bytes that {@link detect} wants to see. */
export const magicBytes = 4

/** An LZ4 frame begins so, read as a little-endian word. */
export const lz4Magic = 0x184d2204

/** Frames of zstd and of LZ4 that are to be skipped, whose first word this is. */
export const isSkippable = (word: number): boolean => (word & 0xfffffff0) >>> 0 === 0x184d2a50

/** The compression of a stream that begins so. */
export function detect(head: Uint8Array): Compression {
  const number = new DataView(head.buffer, head.byteOffset, head.byteLength)
  const word = head.length < magicBytes ? 0 : number.getUint32(0, true)
  // zstd and LZ4 share the frames that are skipped; who begins with one is most likely a parallel zstd.
  if (word === 0xfd2fb528 || isSkippable(word)) return 'zstd'
  if (word === lz4Magic) return 'lz4'
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
  const isBzip2 = head[0] === 0x42 && head[1] === 0x5a && head[2] === 0x68
  return isBzip2 && head[3] !== undefined && head[3] >= 0x31 && head[3] <= 0x39 ? 'bzip2' : 'none'
}
