import type { MessagePort } from 'node:worker_threads'

/** What goes between the thread that unpacks and the one that wants it. Each word is answered before the next is said. */

/** To the main thread: give me more; here is some; that was all; it cannot be unpacked. */
export type UnpackWord =
  | { readonly kind: 'more' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'end' }
  | { readonly kind: 'failure'; readonly reason: string }

/** To the worker: bytes, or that there are no more; or to go on. */
export type UnpackReply = Uint8Array | 'end' | 'go on'

/** What the worker is started with. */
export interface UnpackOrder {
  readonly compression: 'bzip2' | 'lz4'
  readonly port: MessagePort
  /** One 32-bit number that counts the replies. */
  readonly replies: SharedArrayBuffer
}
