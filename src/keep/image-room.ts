import { isCount } from '../ledger/cbor.ts'

/** How much a node's store may take, bytes. */
export interface ToldRoom {
  /** The most that it may hold. */
  readonly quotaBytes: number
  /** What it could take beside what has to stay, as its last refusal found; `undefined`: there is no refusal that still holds. */
  readonly fitsBytes: number | undefined
}

/** Why a store cannot take an image. */
export interface NoRoom {
  /** `full`: what has to stay leaves too little; `quota`: it may never hold so much. */
  readonly why: 'full' | 'quota'
  /** The most that the store may hold. Absent: its node says nothing of it. */
  readonly quotaBytes: number | undefined
  /** What the image takes there. Absent: its manifests are not known. */
  readonly bytes: number | undefined
}

/** Why a store cannot take all of an image; `undefined`: it can, as far as is known. @param bytes what the image takes there */
export function findNoRoom(
  { isFull, room }: { readonly isFull: boolean; readonly room: ToldRoom | undefined },
  bytes: number | undefined,
): NoRoom | undefined {
  if (room === undefined) return isFull ? { why: 'full', quotaBytes: undefined, bytes } : undefined
  const { quotaBytes, fitsBytes = quotaBytes } = room
  const leastBytes = bytes ?? 1
  if (leastBytes > quotaBytes) return { why: 'quota', quotaBytes, bytes }
  return leastBytes > fitsBytes ? { why: 'full', quotaBytes, bytes } : undefined
}

/** As nodes tell it each other. */
export const encodeRoom = (room: ToldRoom | undefined): unknown =>
  room === undefined ? null : [room.quotaBytes, room.fitsBytes ?? null]

/** `undefined` when it says nothing, as a node of before it was told. Never throws. */
export function decodeRoom(value: unknown): ToldRoom | undefined {
  const [quotaBytes, fitsBytes]: readonly unknown[] = Array.isArray(value) ? value : []
  if (!isCount(quotaBytes)) return undefined
  return { quotaBytes, fitsBytes: isCount(fitsBytes) ? fitsBytes : undefined }
}
