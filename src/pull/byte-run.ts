/** A run of bytes in the middle of a blob, in memory. */
export interface ByteRun {
  /** Position of its first byte. */
  readonly base: number
  /** Position after its last byte. */
  readonly end: number
  /** Copies from `position` as much as is here and fits; 0 outside of the run. */
  read(into: Uint8Array, position: number): number
  /** Lets go of what lies before `position`. */
  trim(position: number): void
  /** What lies at and after `position`, in pieces. */
  from(position: number): Uint8Array[]
}

/** Copies pieces, one after the other, as far as they fit. Returns how many bytes. */
export function copyPieces(pieces: Iterable<Uint8Array>, into: Uint8Array): number {
  let filled = 0
  for (const piece of pieces) {
    const fitting = piece.subarray(0, into.byteLength - filled)
    into.set(fitting, filled)
    filled += fitting.byteLength
    if (filled === into.byteLength) break
  }
  return filled
}
