import { findContainers, isRunning } from '../../keep/find-containers.ts'
import { lookWithin, type Pods } from '../../keep/watch-pods.ts'
import { formatTag, type ImageName, isTagName, parseReference } from '../../oci/reference.ts'
import type { RememberedContainer } from '../../ports/pod-memory.ts'
import type { ResolutionEntry, ResolutionLog } from '../../ports/resolution-log.ts'
import { defined, iso } from './describe.ts'
import { readTime } from './read-query.ts'
import { type TellResolution, tellGiven } from './tell-resolution.ts'
import type { NodeWhyAnswer, WhyContainer, WhyQuery } from './why-contract.ts'

/** What this node answered, and what its pods run. Throws `OciError` when the subject is neither a pod nor an image. */
export type NodeWhy = (query: WhyQuery) => Promise<Omit<NodeWhyAnswer, 'node' | 'asOf'>>

/** A look at what runs is waited for so long, ms. */
const lookMs = 2_000
/** What a tag resolves to now is waited for so long, ms. */
const resolveWithinMs = 8_000
/** A container is made after its image was answered; by whose clock is not sure to the second, ms. */
const slackMs = 2_000
/** Answers for one tag that are looked through for the one that a container was made by. */
const maxLookedThrough = 200
const maxContainers = 1_000

/** Joins the resolutions of this node with what its runtime says. */
export function createNodeWhy(parts: {
  readonly pods: Pick<Pods, 'look' | 'state' | 'containers'>
  readonly resolutions: Pick<ResolutionLog, 'find'>
  readonly resolution: TellResolution
  readonly nameOf: (id: string | undefined) => string | undefined
}): NodeWhy {
  const { pods, resolutions, resolution, nameOf } = parts

  /** The answer that a container was made by, or else what was answered last before; nothing after `untilMs`. */
  function answered(
    reference: string,
    { digest, firstMs, madeMs = firstMs }: RememberedContainer,
    untilMs: number,
  ): ResolutionEntry | undefined {
    const atMs = Math.min(madeMs + slackMs, untilMs)
    const question = { reference, atMs, limit: maxLookedThrough }
    const lines = resolutions.find(question)
    return lines.find(line => digest !== undefined && line.digest === digest) ?? lines[0]
  }

  async function describeImage(
    name: string,
    one: RememberedContainer,
    untilMs: number,
  ): Promise<WhyContainer['images'][number]> {
    const image = parseReference(name)
    if (!isTagName(image)) return { reference: name }
    const entry = answered(name, one, untilMs)
    const signal = AbortSignal.timeout(resolveWithinMs)
    const now = await resolution(image, { explain: false, signal })
    return { reference: name, ...defined({ answered: entry && tellGiven(entry, nameOf) }), now }
  }

  async function describe(one: RememberedContainer, untilMs: number): Promise<WhyContainer> {
    const { namespace, pod, container, images, digest } = one
    return {
      namespace,
      pod,
      container,
      running: isRunning(one),
      firstAt: iso(one.firstMs),
      ...defined({ madeAt: one.madeMs === undefined ? undefined : iso(one.madeMs) }),
      lastAt: iso(one.lastMs),
      ...defined({ digest }),
      images: await Promise.all(images.map(name => describeImage(name, one, untilMs))),
    }
  }

  function answersFor(
    image: ImageName | undefined,
    atMs: number | undefined,
    limit: number,
  ): readonly ResolutionEntry[] {
    if (image === undefined || !isTagName(image)) return []
    return resolutions.find({ reference: formatTag(image), limit, ...defined({ atMs }) })
  }

  return async ({ subject, at, limit }) => {
    if (at === undefined) await lookWithin(pods, lookMs)
    const atMs = readTime(at)
    const { image, containers } = findContainers(pods.containers(), subject, atMs)
    const { state, failure } = pods.state()
    const untilMs = atMs ?? Number.POSITIVE_INFINITY
    return {
      pods: { state, ...defined({ failure }) },
      isPod: image === undefined,
      containers: await Promise.all(
        containers.slice(0, maxContainers).map(one => describe(one, untilMs)),
      ),
      resolutions: answersFor(image, atMs, limit).map(entry => tellGiven(entry, nameOf)),
    }
  }
}
