import type { Digest } from '../oci/digest.ts'
import { formatReference, formatTag, type TagReference } from '../oci/reference.ts'
import type { RememberedContainer } from '../ports/pod-memory.ts'
import { stopAll } from '../ports/stop-all.ts'
import type { KeepSet } from './keep-set.ts'
import type { RunningElsewhere } from './running-elsewhere.ts'
import { type RunningDigest, sortNames } from './running-names.ts'
import type { Pods } from './watch-pods.ts'

/** What pods run, or ran until lately: it must stay available. */
export interface Running {
  /** A pod of some node names this tag. */
  isRunning(key: TagReference): boolean
  /** Tags that pods of some node name, as `registry/repository:tag`. */
  tags(): Iterable<string>
  /** A pod of this node does. */
  isHere(key: TagReference): boolean
  /** What pods of this node are made from, whatever they name. */
  digestsHere(): ReadonlySet<Digest>
  /** What pods of some node name by its digest. */
  byDigest(): readonly RunningDigest[]
  onChange(listener: () => void): () => void
}

/** What pods of this node run. */
export function createRunning(pods: Pick<Pods, 'containers' | 'onChange'>): Running {
  let read = readContainers(pods.containers())
  pods.onChange(() => {
    read = readContainers(pods.containers())
  })
  const isHere = (key: TagReference) => read.tags.has(formatTag(key))
  return {
    isRunning: isHere,
    tags: () => read.tags,
    isHere,
    digestsHere: () => read.digests,
    byDigest: () => read.byDigest,
    onChange: pods.onChange,
  }
}

function readContainers(containers: readonly RememberedContainer[]) {
  const digests = new Set(containers.flatMap(({ digest }) => digest ?? []))
  const { tags, byDigest } = sortNames(containers.flatMap(({ images }) => images))
  return { tags, digests, byDigest: [...byDigest.values()] }
}

/** What pods of this node run, and what other nodes say that theirs do. */
export const uniteRunning = (own: Running, others: Omit<RunningElsewhere, 'close'>): Running => ({
  ...own,
  isRunning: key => own.isRunning(key) || others.isRunning(key),
  tags: () => new Set([...own.tags(), ...others.tags()]),
  byDigest() {
    const all = [...own.byDigest(), ...others.byDigest()]
    const nameOf = ({ repository, digest }: RunningDigest) =>
      formatReference({ ...repository, digest })
    return [...new Map(all.map(image => [nameOf(image), image])).values()]
  },
  onChange: listener => stopAll(own.onChange(listener), others.onChange(listener)),
})

/** Keeps what pods run beside all that is kept anyway. */
export const keepRunning = (
  keeps: KeepSet,
  running: Pick<Running, 'isRunning' | 'tags' | 'onChange'>,
): KeepSet => ({
  ...keeps,
  isKept: key => keeps.isKept(key) || running.isRunning(key),
  beginnings: () => [...keeps.beginnings(), ...running.tags()],
  onChange: listener => stopAll(keeps.onChange(listener), running.onChange(listener)),
})
