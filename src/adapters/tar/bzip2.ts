import Bunzip from 'seek-bzip'
import { createByteReader } from './byte-reader.ts'

/** Bytes handed on at a time. */
const pieceBytes = 256 * 1024

/** Unpacks bzip2, one stream or several after another (as parallel packers write). Throws when it is broken or cut short. */
export function unpackBzip2(
  read: () => Uint8Array | undefined,
  write: (bytes: Uint8Array) => void,
): void {
  const reader = createByteReader(read)
  let piece = new Uint8Array(pieceBytes)
  let filled = 0
  function hand(): void {
    if (filled > 0) write(piece.subarray(0, filled))
    piece = new Uint8Array(pieceBytes)
    filled = 0
  }
  Bunzip.decode(
    {
      readByte() {
        const byte = reader.byte()
        if (byte < 0) throw new Error('unexpected end of file')
        return byte
      },
      read(buffer, at, length) {
        for (let done = 0; done < length; done++) buffer[at + done] = this.readByte()
        return length
      },
      eof: reader.isOver,
    },
    {
      writeByte(byte) {
        piece[filled] = byte
        filled += 1
        if (filled === pieceBytes) hand()
      },
    },
    true,
  )
  hand()
}
