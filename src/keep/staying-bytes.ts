import type { Protection } from './protected-content.ts'

/** Why something stays in the store: it is protected; other nodes rely on it; it was used lately, on a disk that others fill. */
export type Stay = Protection | 'leased' | 'recent'

/** What stays in the store by why it does, bytes. */
export type StayingBytes = Readonly<Record<Stay, number>>

/** Adds up what stays. */
export function bytesByStay(
  items: readonly { readonly size: number; readonly why: Stay | undefined }[],
): StayingBytes {
  const bytes = { kept: 0, arriving: 0, leased: 0, recent: 0 }
  for (const { size, why } of items) if (why !== undefined) bytes[why] += size
  return bytes
}
