import type { DigestAlgorithm } from '../../oci/digest.ts'

/** What the hash worker is told; `id` names one hash from `follow` or `begin` to `finish`, `end` or `stop`. */
export type HashOrder =
  | {
      readonly kind: 'follow'
      readonly id: number
      readonly path: string
      readonly algorithm: DigestAlgorithm
    }
  /** The first `size` bytes are in the file and stay as they are. */
  | { readonly kind: 'advance'; readonly id: number; readonly size: number }
  /** The file has `size` bytes and no more will come: answer its hash. */
  | { readonly kind: 'finish'; readonly id: number; readonly size: number }
  /** Bytes will be handed over. */
  | { readonly kind: 'begin'; readonly id: number; readonly algorithm: DigestAlgorithm }
  /** The next ones; the worker gives their buffer back. */
  | { readonly kind: 'update'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** No more will come: answer their hash. */
  | { readonly kind: 'end'; readonly id: number }
  | { readonly kind: 'stop'; readonly id: number }

/** What the worker answers: the hash in hex, or why there is none; before that, each buffer that was handed over. */
export type HashAnswer =
  | { readonly id: number; readonly hex: string }
  | { readonly id: number; readonly back: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly failure: string }
