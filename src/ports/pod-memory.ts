import type { PodContainer } from './pod-runtime.ts'

/** A container that ran on this node, until it is forgotten. One of a pod that was started again from the same image is the same. */
export interface RememberedContainer extends Omit<PodContainer, 'createdAtMs' | 'isRunning'> {
  /** When it was made first, trusted time, ms since the epoch. */
  readonly firstMs: number
  /** When the one that was seen last was made, trusted time, ms since the epoch; not written down. Absent: not seen since this process began. */
  readonly madeMs?: number
  /** When it was last seen, trusted time, ms since the epoch. */
  readonly lastMs: number
  /** For how long it was looked for since and not found, ms; 0: it runs. */
  readonly unseenMs: number
}

/** What tells one from all others. */
export const containerKey = ({
  namespace,
  pod,
  container,
  images,
  digest,
}: Pick<PodContainer, 'namespace' | 'pod' | 'container' | 'images' | 'digest'>): string =>
  `${namespace}/${pod}/${container} ${digest ?? images.join()}`

/** The containers that ran here, across restarts. */
export interface PodMemory {
  load(): readonly RememberedContainer[]
  /** Settles when it outlives the process; a power cut may take the last of it back. Rejects with `ledger-unusable`. */
  write(change: {
    readonly put: readonly RememberedContainer[]
    /** By their keys. */
    readonly forgotten: readonly string[]
  }): Promise<void>
}
