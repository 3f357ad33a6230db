import type { WarmJob, WarmTask } from '../../keep/warm-job.ts'
import { reasonOf } from '../../keep/warm-share.ts'
import type { JobView, NodeView } from '../../keep/warm-views.ts'
import { defined, iso, isoOf } from './describe.ts'
import type { JobAnswer, JobChangeAnswer, JobsAnswer } from './job-contract.ts'

/** A job without its images. */
export function describeJob(view: JobView): JobsAnswer['items'][number] {
  const { job, state, waitsFor, done, unfit, failed, wanted, bytes, totalBytes } = view
  return {
    ...describeTask(job),
    state,
    ...defined({ waitsFor }),
    done,
    unfit,
    failed,
    wanted,
    bytes,
    totalBytes,
  }
}

/** What a job is to do. */
export function describeTask(
  job: WarmJob,
): Omit<JobChangeAnswer, 'node' | 'asOf' | 'removed' | 'changed' | 'storedOn'> {
  const { id, images, note, author } = job
  return {
    id,
    createdAt: iso(job.createdAtMs),
    images: images.length,
    ...describeShares(job),
    ...defined({ note, author, cancelledAt: isoOf(job.cancelledAtMs) }),
  }
}

/** Images that an entry of the audit log names at the most: the log is bounded by how many entries it has. */
const maxNamed = 5

/** A job's images as the audit log has them: by their names, or how many where there are more than a few. */
export const namedImages = (images: readonly string[]): readonly string[] | number =>
  images.length > maxNamed ? images.length : images

/** Which nodes fetch what of the images. */
export function describeShares({
  scope,
  platforms,
  concurrency,
  referrers,
}: Pick<WarmTask, 'scope' | 'platforms' | 'concurrency' | 'referrers'>) {
  return {
    scope: scope.type,
    ...(scope.type === 'nodes' && { scopeNodes: scope.nodes.map(({ name }) => name) }),
    ...(scope.type === 'copies' && { scopeCopies: scope.copies }),
    ...(platforms !== undefined && { platforms: [...platforms] }),
    concurrency,
    referrers,
  }
}

/** One node's part in it. */
export function describeNode(
  { images }: WarmJob,
  { id, name, isThere, isLive, atMs, share, parts }: NodeView,
  withParts: boolean,
): JobAnswer['nodes'][number] {
  return {
    id,
    name,
    there: isThere,
    live: isLive,
    ...defined({ saidAt: isoOf(atMs), state: share?.state }),
    bytes: share?.bytes ?? 0,
    totalBytes: share?.totalBytes ?? 0,
    images: images.map((reference, at) => {
      const image = share?.images[at]
      return {
        reference,
        state: image?.state ?? 'pending',
        bytes: image?.bytes ?? 0,
        ...defined({
          digest: image?.digest,
          totalBytes: image?.totalBytes,
          reason: image && reasonOf(image),
          waitsSince: isoOf(image?.waitsSinceMs),
        }),
        ...(withParts && {
          parts: parts
            .filter(one => one.image === at)
            .map(({ part: { digest, kind, size }, bytes }) => ({
              digest,
              kind,
              bytes,
              ...defined({ size }),
            })),
        }),
      }
    }),
  }
}
