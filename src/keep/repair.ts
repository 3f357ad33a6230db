import type { Digest } from '../oci/digest.ts'
import { formatRepository, type Repository } from '../oci/reference.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Timers } from '../ports/timers.ts'
import type { KeptOwners } from './kept-owners.ts'
import type { PresentMembers } from './present-members.ts'

/** An image that must stay available offline, and a repository that it can be fetched from. */
export interface KeptImage {
  readonly repository: Repository
  readonly digest: Digest
  /** Pods of this node run it: it is to be held here, whoever else is to hold it. */
  readonly isHere?: boolean
}

/**
 * How many images that are kept are on this node in each state: whole here; this node is to hold it and lacks some of it; left to other
 * nodes, or of no use here.
 */
export type KeptCounts = Readonly<Record<'held' | 'lacking' | 'elsewhere', number>>

/** Sees to it that what is kept is held by its owners. */
export interface Repair {
  counts(): KeptCounts
  close(): Promise<void>
}

/** Whom the repair asks. */
export interface RepairParts {
  /** Images that are kept, as they are known now. */
  readonly images: () => Promise<readonly KeptImage[]>
  readonly owners: Pick<KeptOwners, 'isOurs'>
  readonly present: Pick<PresentMembers, 'nextLeaveMs' | 'isSettled'>
  readonly isComplete: (digest: Digest) => boolean
  /** Whether something of it is missing here that is of use here. */
  readonly isLacking: (image: KeptImage) => boolean
  /** The store takes nothing more. */
  readonly isFull: () => boolean
  /** Looks whether other nodes have it, and reads its manifests from them. */
  readonly lookAround: (repository: Repository, digest: Digest) => Promise<unknown>
  /** Whether anybody could be asked for it now, as far as is known: its registry, or other nodes. */
  readonly canBeHad: (repository: Repository, digest: Digest) => boolean
  /** Has what is lacking fetched, behind all pulls, unless it is no longer wanted when its turn comes. */
  readonly want: (repository: Repository, digest: Digest, isStillWanted: () => boolean) => void
  /** Images that are being fetched, or wait for nothing but their turn. */
  readonly pending: () => number
  /** Calls back when images may be kept that were not, or others may be their owners. */
  readonly onNews: (listener: () => void) => () => void
  /** Calls back when what could not be had may be there now. */
  readonly onHope: (listener: () => void) => () => void
  readonly clock: Pick<Clock, 'monotonicMs'>
  readonly timers: Timers
  readonly log: Log
}

/** It is looked so often although nothing is heard, ms. */
const everyMs = 60_000
/** After news; what comes in the meantime is looked at with it, ms. */
const soonMs = 1_000
/** While there is more to look for than is looked for at once, ms. */
const backlogMs = 5_000
/** Images that wait for their turn at once, and images out of reach that other nodes are asked about at one look. */
const maxWaiting = 50
/**
 * What could not be had is looked for again after this, then after so many times as long, and so on; ms. The first time soon: who has
 * just met others again hears a moment later what they hold.
 */
const againMs = { first: 5_000, factor: 3, most: 3_600_000 } as const

/** How it went with an image that was looked for. */
interface Sought {
  readonly times: number
  /** On the monotonic clock. */
  notBeforeMs: number
  readonly repository: Repository
  /** It was seen that nobody could be asked for it there: its turn is when somebody can, there or elsewhere. */
  isOutOfReach: boolean
}

/** An image, and all repositories that it is kept in. */
interface DistinctImage extends KeptImage {
  readonly repositories: readonly Repository[]
}

/** Looks at what is kept until it is closed. */
export function startRepair(parts: RepairParts): Repair {
  const { owners, present, clock, timers, log } = parts
  /** Images that this node looked for and still lacks. */
  const sought = new Map<Digest, Sought>()
  let images: readonly DistinctImage[] = []
  let looking: Promise<void> | undefined
  let isNews = false
  let isClosed = false
  let cancel = timers.after(soonMs, look)

  function schedule(ms: number): void {
    cancel()
    if (!isClosed) cancel = timers.after(ms, look)
  }

  function look(): void {
    isNews = false
    looking = repair()
      .catch(err => {
        log.warn({ err }, 'what is kept was not looked at')
        return everyMs
      })
      .then(nextMs => {
        looking = undefined
        schedule(isNews ? soonMs : nextMs)
      })
  }

  /** Returns after how many ms it is to be looked again. */
  async function repair(): Promise<number> {
    images = distinct(await parts.images())
    if (!present.isSettled()) return backlogMs
    const lacking = images.filter(isLacking)
    forgetOthers(lacking)
    const due = lacking.filter(isDue)
    const turn = takeTurn(due)
    for (const image of turn) {
      if (isClosed || parts.isFull()) break
      await seek(image)
    }
    if (turn.length < due.length && !parts.isFull()) return backlogMs
    return Math.max(soonMs, Math.min(everyMs, untilNextLeaveMs(), untilNextTurnMs()))
  }

  /** A moment later, for who leaves at this very moment is still there. */
  const untilNextLeaveMs = (): number => (present.nextLeaveMs() ?? everyMs) + soonMs

  /** When what could not be had is looked for again. */
  function untilNextTurnMs(): number {
    if (parts.isFull()) return everyMs
    let nextMs = Number.POSITIVE_INFINITY
    for (const { notBeforeMs } of sought.values()) nextMs = Math.min(nextMs, notBeforeMs)
    return nextMs - clock.monotonicMs()
  }

  /**
   * Those that are looked for now: what was looked for least often first, or what cannot be had would come round again before the rest had
   * its first turn. What nobody can give takes no place from what somebody can.
   */
  function takeTurn(due: readonly DistinctImage[]): readonly DistinctImage[] {
    const timesOf = ({ digest }: DistinctImage): number => sought.get(digest)?.times ?? 0
    const inTurn = due.toSorted((a, b) => timesOf(a) - timesOf(b))
    const { near = [], far = [] } = Object.groupBy(inTurn, image =>
      isNear(image) ? 'near' : 'far',
    )
    const places = Math.max(0, maxWaiting - parts.pending())
    return [...near.slice(0, places), ...far.slice(0, maxWaiting)]
  }

  async function seek(image: DistinctImage): Promise<void> {
    const { digest } = image
    const times = sought.get(digest)?.times ?? 0
    const repository = placeOf(image, times)
    const pauseMs = Math.min(againMs.first * againMs.factor ** times, againMs.most)
    const one: Sought = {
      repository,
      times: times + 1,
      notBeforeMs: clock.monotonicMs() + pauseMs,
      isOutOfReach: false,
    }
    sought.set(digest, one)
    const ref = `${formatRepository(repository)}@${digest}`
    log[times === 0 ? 'info' : 'debug']({ ref, times }, 'an image that is kept is not whole here')
    await parts.lookAround(repository, digest)
    one.isOutOfReach = !parts.canBeHad(repository, digest)
    if (!one.isOutOfReach) parts.want(repository, digest, () => sought.has(digest))
  }

  const isNear = ({ repositories, digest }: DistinctImage): boolean =>
    repositories.some(repository => parts.canBeHad(repository, digest))

  /** Where it is looked for this time: where it can be had, and somewhere else after each failure. */
  function placeOf({ digest, repository, repositories }: DistinctImage, times: number): Repository {
    const near = repositories.filter(each => parts.canBeHad(each, digest))
    const places = near.length > 0 ? near : repositories
    return places[times % places.length] ?? repository
  }

  function isDue(image: DistinctImage): boolean {
    const one = sought.get(image.digest)
    if (one === undefined || one.notBeforeMs <= clock.monotonicMs()) return true
    one.isOutOfReach ||= !parts.canBeHad(one.repository, image.digest)
    return one.isOutOfReach && isNear(image)
  }

  const isLacking = (image: KeptImage): boolean =>
    parts.isLacking(image) && (image.isHere === true || owners.isOurs(image.digest))

  function forgetOthers(lacking: readonly { readonly digest: Digest }[]): void {
    const still = new Set(lacking.map(({ digest }) => digest))
    for (const digest of sought.keys()) if (!still.has(digest)) sought.delete(digest)
  }

  function heard(): void {
    if (isNews) return
    isNews = true
    if (looking === undefined) schedule(soonMs)
  }

  const stopListening = [
    parts.onNews(heard),
    parts.onHope(() => {
      for (const one of sought.values()) one.notBeforeMs = 0
      heard()
    }),
  ]

  return {
    counts() {
      const counts = { held: 0, lacking: 0, elsewhere: 0 }
      for (const image of images) counts[stateOf(image)] += 1
      return counts
    },
    async close() {
      isClosed = true
      for (const stop of stopListening) stop()
      cancel()
      await looking
    },
  }

  function stateOf(image: KeptImage): keyof KeptCounts {
    if (parts.isComplete(image.digest)) return 'held'
    return isLacking(image) ? 'lacking' : 'elsewhere'
  }
}

/** Several tags may stand for one image; it is enough that pods of this node run one of them. */
const distinct = (images: readonly KeptImage[]): readonly DistinctImage[] =>
  [...Map.groupBy(images, ({ digest }) => digest)].flatMap(([digest, same]) => {
    const repositories = [
      ...new Map(same.map(({ repository }) => [formatRepository(repository), repository])).values(),
    ]
    const [repository] = repositories
    if (repository === undefined) return []
    return [{ digest, repository, repositories, isHere: same.some(({ isHere }) => isHere) }]
  })
