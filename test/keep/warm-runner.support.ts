import { createShareIndex } from '../../src/keep/share-index.ts'
import type { WarmSource } from '../../src/keep/warm-image.ts'
import type { WarmJob } from '../../src/keep/warm-job.ts'
import { startWarmRunner } from '../../src/keep/warm-runner.ts'
import { decodeShare, type ShareImage } from '../../src/keep/warm-share.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { SaidWord, WordBook } from '../../src/ports/word-book.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'

const platforms = [{ os: 'linux', architecture: 'amd64' }] as const
/** Of each image, bytes. */
const size = 10

/** This node, of three. */
export const self = 'a'.repeat(64)
export const others = ['b'.repeat(64), 'c'.repeat(64)] as const

/** What an image's tag stands for at its registry. */
export const digestBehind = (image: string): Digest => digestOf(Buffer.from(image))

/** A job as an operator gives it. */
export const makeJob = (change: Partial<WarmJob> = {}): WarmJob => ({
  id: 'night',
  images: ['a.test/app:v1'],
  platforms: undefined,
  scope: { type: 'all' },
  concurrency: 2,
  referrers: false,
  createdAtMs: 0,
  note: undefined,
  author: undefined,
  cancelledAtMs: undefined,
  ...change,
})

/** An image of a share; nothing is said of it unless changed. */
export const makeShareImage = (change: Partial<ShareImage> = {}): ShareImage => ({
  state: 'fetching',
  digest: undefined,
  isRemembered: false,
  bytes: 5,
  totalBytes: 9,
  reason: undefined,
  waitsSinceMs: undefined,
  ...change,
})

/** Words in memory, as the ledger has them: the list is another one after each change, and what did not change is the same in it. */
export function makeBook(): WordBook {
  let words: readonly SaidWord[] = []
  const without = (key: string) => words.filter(word => word.key !== key)
  const lifted = { note: undefined, author: undefined, value: undefined }
  return {
    list: () => words,
    async set(key, details) {
      const word = { key, atMs: 1, origin: self, ...lifted, ...details }
      words = [...without(key), word].toSorted((a, b) => (a.key < b.key ? -1 : 1))
    },
    async lift(key) {
      words = without(key)
    },
    onChange: () => () => {},
  }
}

/** A runner of jobs whose images are one blob each, which the test has come. */
export function openRunner(
  jobs: readonly WarmJob[],
  {
    settleMs = 0,
    book = makeBook(),
    isOurs = () => true,
  }: {
    readonly settleMs?: number
    readonly book?: WordBook
    readonly isOurs?: (digest: Digest, copies: number) => boolean
  } = {},
) {
  const clock = createMovableClock(0)
  const timers = createMovableTimers(clock)
  const here = new Set<Digest>()
  const asked: string[] = []
  const arrivals = new Map<string, () => void>()
  let hope: (registry: string, isWhole: boolean) => void = () => {}
  let news = () => {}
  let decoded = 0
  const part = (digest: Digest) => ({ digest, kind: 'blob', size }) as const
  const source: WarmSource = {
    resolve: async ({ registry, repository, tag }) => ({
      digest: digestBehind(`${registry}/${repository}:${tag}`),
      isRemembered: false,
    }),
    parts: image => [part(image)],
    missing: image => (here.has(image) ? [] : [part(image)]),
    isComplete: image => here.has(image),
    fetch({ registry }, { digest }, signal) {
      asked.push(registry)
      return new Promise((resolve, reject) => {
        arrivals.set(registry, () => {
          here.add(digest)
          resolve(undefined)
        })
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
    platformsOf: () => [],
    referrers: async () => ({ digests: [], unasked: undefined }),
    bytesHere: digest => (here.has(digest) ? size : 0),
    isFull: () => false,
  }
  const runner = startWarmRunner(
    {
      self,
      jobs: () => jobs,
      onJobs: () => () => {},
      shares: book,
      said: createShareIndex(book, (text, images) => {
        decoded += 1
        return decodeShare(text, images)
      }),
      source,
      namedSource: source,
      platforms,
      isOurs,
      isBusy: () => false,
      onBusyChange: () => () => {},
      onMembers(listener) {
        news = listener
        return () => {}
      },
      nextLeaveMs: () => undefined,
      onHope(listener) {
        hope = listener
        return () => {}
      },
      nowMs: clock.wallMs,
      clock,
      timers,
      log: silentLog,
    },
    { settleMs },
  )
  return {
    runner,
    book,
    /** Registries that were asked for a blob. */
    asked,
    pass: timers.pass,
    settle: timers.settle,
    recover: (registry: string, isWhole = true) => hope(registry, isWhole),
    membersChange: () => news(),
    /** How many words were read since the last call. */
    decodedSince() {
      const count = decoded
      decoded = 0
      return count
    },
    /** What is under way from a registry is there. */
    async arrive(registry: string) {
      arrivals.get(registry)?.()
      await timers.settle()
    },
  }
}
