import type { Config } from '../config/config.ts'
import type { Uninstalled } from './containerd-setup.ts'

/** Takes everything of a node off this machine. Rejects with an error whose message says what to do. */
export type UninstallNode = (
  config: Config,
  order: {
    /** The data directories stay as they are. */
    readonly keepData: boolean
    /** Give up changes that were made to files of containerd since. */
    readonly force: boolean
    /** How long a node that is still running is waited for. */
    readonly waitMs: number
  },
) => Promise<UninstallReport>

/** What was done. Where a file of containerd was refused it is all that was. */
export interface UninstallReport {
  readonly hosts: readonly Uninstalled[]
  readonly containerd?: LetGo
  readonly data?: readonly RemovedDirectory[]
}

/** What containerd has of us no more; without a list there is no containerd. */
interface LetGo {
  readonly socket: string
  readonly leases?: readonly string[]
  readonly unpinned?: readonly string[]
  readonly names?: readonly string[]
}

/** What became of a directory. */
export interface RemovedDirectory {
  readonly path: string
  /** `foreign`: nothing tells that it is one of ours. */
  readonly outcome: 'removed' | 'kept' | 'absent' | 'foreign'
  readonly files?: number
  readonly bytes?: number
  /** Paths of what others put there. */
  readonly left?: readonly string[]
  /** Those of `left` that are links: never followed. */
  readonly links?: readonly string[]
}
