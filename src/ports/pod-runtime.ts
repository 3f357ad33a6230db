import type { Digest } from '../oci/digest.ts'

/** A container of a pod that the runtime knows of. */
export interface PodContainer {
  readonly namespace: string
  readonly pod: string
  /** Its name in the pod. */
  readonly container: string
  /**
   * What the pod names, `registry/repository:tag` or `registry/repository@digest`; where the runtime does not tell, all names of the image
   * that it was made from.
   */
  readonly images: readonly string[]
  /** Of the manifest or index it was made from; absent: the runtime no longer knows that image. */
  readonly digest: Digest | undefined
  /** Its pod runs: it may have ended itself, as init containers do, and is needed all the same when the pod begins anew. */
  readonly isRunning: boolean
  /** By the machine's clock, ms since the epoch. */
  readonly createdAtMs: number
}

/** What a runtime tells of its pods and images. */
export interface PodView {
  readonly containers: readonly PodContainer[]
  /** What its tags stand for, `registry/repository:tag` each. */
  readonly tags: ReadonlyMap<string, Digest>
}

/** Who runs the pods of this machine. */
export interface PodRuntime {
  /** Looks now. Rejects with `HoldfastError` and what the runtime says. */
  look(): Promise<PodView>
  close(): void
}
