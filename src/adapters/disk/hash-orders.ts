import type { DigestAlgorithm } from '../../oci/digest.ts'

/** What the hash worker is told; `id` names one file from `follow` to `finish` or `stop`. */
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
  | { readonly kind: 'stop'; readonly id: number }

/** What the worker answers: the hash in hex, or why there is none. */
export type HashAnswer =
  | { readonly id: number; readonly hex: string }
  | { readonly id: number; readonly failure: string }
