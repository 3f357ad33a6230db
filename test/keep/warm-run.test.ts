import t from 'tap'
import type { WarmSource } from '../../src/keep/warm-image.ts'
import { startWarmRun } from '../../src/keep/warm-run.ts'
import type { Share } from '../../src/keep/warm-share.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { parsePlatform } from '../../src/oci/platform.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { makeJob, makeShareImage } from './warm-runner.support.ts'

const platforms = [{ os: 'linux', architecture: 'amd64' }] as const
const registries = ['a.test', 'b.test'] as const
const size = 10

/** A job of one image from each of two registries, each of one blob, that the test has come. */
function open({
  settleMs = 0,
  asks,
  before,
  held = [],
  silent = [],
  passing = [],
  isUnasked = false,
}: {
  readonly settleMs?: number
  readonly asks?: readonly string[]
  readonly before?: Share
  /** Registries whose image is here. */
  readonly held?: readonly string[]
  /** Registries that cannot be reached: their images are remembered. */
  readonly silent?: readonly string[]
  /** Those of them that may be there in a moment. */
  readonly passing?: readonly string[]
  /** What refers to images is only known to other nodes; it is wanted. */
  readonly isUnasked?: boolean
} = {}) {
  const wanted = asks?.flatMap(text => parsePlatform(text) ?? []) ?? platforms
  const clock = createMovableClock(0)
  const timers = createMovableTimers(clock)
  const digestIn = (registry: string) => digestOf(Buffer.from(registry))
  const named = new Map<string, ReturnType<typeof digestOf>>()
  const digests = registries.map(digestIn)
  const here = new Map(digests.map(digest => [digest, 0]))
  for (const registry of held) here.set(digestOf(Buffer.from(registry)), size)
  const asked: string[] = []
  const resolved: string[] = []
  const remembered = new Set(silent)
  const suspended: string[] = []
  const heldUntilMs = new Map<string, number>()
  const answers = new Map<string, (end: 'there' | 'away') => void>()
  const bytesOf = (digest: (typeof digests)[number]) => here.get(digest) ?? 0
  const part = (digest: (typeof digests)[number]) => ({ digest, kind: 'blob', size }) as const
  const source: WarmSource = {
    async resolve({ registry }) {
      resolved.push(registry)
      const isRemembered = remembered.has(registry)
      const silence = isRemembered && passing.includes(registry) ? 'no answer' : undefined
      return { digest: named.get(registry) ?? digestIn(registry), isRemembered, silence }
    },
    parts: image => [part(image)],
    missing: image => (bytesOf(image) < size ? [part(image)] : []),
    isComplete: (image, of) =>
      bytesOf(image) === size && of.every(({ architecture }) => architecture === 'amd64'),
    fetch({ registry }, { digest }, signal) {
      asked.push(registry)
      return new Promise((resolve, reject) => {
        answers.set(registry, end => {
          if (end === 'there') here.set(digest, size)
          resolve(end === 'there' ? undefined : { reason: `${registry} is away`, isFinal: false })
        })
        signal.addEventListener('abort', () => {
          suspended.push(registry)
          reject(signal.reason)
        })
      })
    },
    platformsOf: () => ['linux/amd64'],
    referrers: async () => ({ digests: [], unasked: isUnasked ? 'not asked' : undefined }),
    bytesHere: bytesOf,
    isFull: () => false,
  }
  const job = makeJob({
    images: registries.map(registry => `${registry}/app:v1`),
    platforms: asks,
    referrers: isUnasked,
  })
  const run = startWarmRun(job, wanted, before, {
    source,
    platforms,
    isOurs: () => true,
    agreed: () => undefined,
    heldUntilMs: registry => heldUntilMs.get(registry) ?? 0,
    isBusy: () => false,
    onChange() {},
    nowMs: () => 9,
    clock,
    timers,
    log: silentLog,
  })
  return {
    run,
    asked,
    resolved,
    suspended,
    /** A registry says what its tags stand for again. */
    speak: (registry: string) => remembered.delete(registry),
    /** And that one moved. */
    move(registry: string) {
      remembered.delete(registry)
      named.set(registry, digestIn(`${registry} moved`))
    },
    pass: timers.pass,
    states: () => run.share().images.map(({ state }) => state),
    reasons: () => run.share().images.map(({ reason }) => reason),
    async answer(registry: string, end: 'there' | 'away') {
      answers.get(registry)?.(end)
      await timers.settle()
    },
    /** So many bytes of it are here. */
    async send(registry: string, bytes: number) {
      here.set(digestOf(Buffer.from(registry)), bytes)
    },
    /** A registry that could not be reached is there again. */
    recover(registry: string) {
      heldUntilMs.set(registry, clock.monotonicMs() + settleMs)
      run.hold(registry)
      run.hope(registry)
    },
  }
}

t.test('what waits for its registry says so also while it is tried again', async t => {
  const { run, asked, pass, states, answer, send } = open()
  await pass(0)
  for (const registry of registries) await answer(registry, 'away')
  t.equal(run.share().state, 'waiting')
  await pass(2_000)
  t.strictSame(asked, [...registries, ...registries], 'both are tried again')
  t.match(run.share(), { state: 'waiting', images: [{ reason: 'a.test is away' }, {}] })

  await send('a.test', 3)
  t.strictSame(states(), ['fetching', 'waiting'], 'until something of it comes')
  t.equal(run.share().state, 'running')
  await answer('a.test', 'away')
  t.match(run.share(), { state: 'waiting', bytes: 3 })
  await pass(4_000)
  for (const registry of registries) await answer(registry, 'there')
  t.match(run.share(), { state: 'ended', bytes: 2 * size })
  await run.stop()
})

t.test('what is remembered of a tag is fetched, and said to be that', async t => {
  const { run, answer, pass, states, resolved } = open({ silent: ['a.test'] })
  await pass(0)
  for (const registry of registries) await answer(registry, 'there')
  t.strictSame(states(), ['done', 'done'])
  t.match(run.share().images, [{ isRemembered: true }, { isRemembered: false }])
  t.strictSame(resolved, registries)
  await run.stop()
})

t.test('what is remembered and does not come is asked of its registry again', async t => {
  const { run, answer, pass, states, resolved, speak } = open({ silent: ['a.test'] })
  await pass(0)
  for (const registry of registries) await answer(registry, 'away')
  t.match(run.share().images, [{ digest: undefined, isRemembered: false }, { state: 'waiting' }])
  speak('a.test')
  await pass(2_000)
  t.strictSame(resolved, [...registries, 'a.test'], 'and what a registry said stays')
  for (const registry of registries) await answer(registry, 'there')
  t.strictSame(states(), ['done', 'done'])
  t.match(run.share().images[0], { isRemembered: false })
  await run.stop()
})

t.test('a registry is asked three times before what is remembered counts', async t => {
  const { run, answer, pass, states, reasons, resolved } = open({
    held: ['a.test'],
    silent: ['a.test'],
    passing: ['a.test'],
  })
  await pass(0)
  await answer('b.test', 'there')
  for (const ms of [2_000, 3_999]) {
    t.strictSame(states(), ['waiting', 'done'])
    await pass(ms)
  }
  t.strictSame(reasons(), ['no answer', undefined])
  await pass(1)
  t.match(run.share(), { state: 'ended', images: [{ state: 'done', isRemembered: true }, {}] })
  t.strictSame(resolved, [...registries, 'a.test', 'a.test'])
  await run.stop()
})

t.test('what is remembered is asked again while something else is open', async t => {
  const { run, answer, pass, states, resolved, move } = open({
    held: ['a.test'],
    silent: ['a.test'],
  })
  await pass(0)
  await answer('b.test', 'away')
  t.strictSame(states(), ['done', 'waiting'])
  const { length } = resolved
  await pass(2_000)
  t.ok(resolved.length > length)
  t.strictSame(states(), ['done', 'waiting'], 'that it is asked does not show')
  move('a.test')
  await pass(60_000)
  t.strictSame(states(), ['fetching', 'waiting'], 'it stands for another one')
  for (const registry of registries) await answer(registry, 'there')
  t.match(run.share(), { state: 'ended', images: [{ isRemembered: false }, {}] })
  t.equal(run.share().images[0]?.digest, digestOf(Buffer.from('a.test moved')))
  await run.stop()
})

t.test('what is remembered is asked at once when its registry comes back', async t => {
  const { run, answer, pass, states, resolved, move, recover } = open({
    held: ['a.test'],
    silent: ['a.test'],
  })
  await pass(0)
  await pass(0)
  t.strictSame(states(), ['done', 'fetching'])
  move('a.test')
  recover('a.test')
  await answer('b.test', 'there')
  t.equal(run.share().state, 'running', 'though all is there')
  await pass(0)
  t.strictSame(states(), ['fetching', 'done'])
  await answer('a.test', 'there')
  t.match(run.share(), { state: 'ended', images: [{ isRemembered: false }, {}] })
  const { length } = resolved
  recover('a.test')
  await pass(60_000)
  t.equal(resolved.length, length, 'what is over stays so')
  await run.stop()
})

t.test('what was remembered before a restart and did not come is asked anew', async t => {
  const digest = digestOf(Buffer.from('older'))
  const images = registries.map(() => makeShareImage({ digest, isRemembered: true }))
  const { run, pass, resolved, answer } = open({ before: { ...doneBefore, images } })
  await pass(1)
  t.strictSame(resolved, registries)
  for (const registry of registries) await answer(registry, 'there')
  t.match(
    run.share().images,
    registries.map(name => ({ digest: digestOf(Buffer.from(name)) })),
  )
  await run.stop()
})

t.test('it is told since when an image waits, also over a restart', async t => {
  const images = registries.map(registry => {
    const digest = digestOf(Buffer.from(registry))
    return makeShareImage({ state: 'waiting', digest, bytes: 0, waitsSinceMs: 4 })
  })
  const { run, answer, pass, send } = open({ before: { ...doneBefore, images } })
  const waits = () => run.share().images.map(({ waitsSinceMs }) => waitsSinceMs)
  await pass(1)
  for (const registry of registries) await answer(registry, 'away')
  t.strictSame(waits(), [4, 4])
  await pass(2_000)
  await send('a.test', 3)
  t.strictSame(waits(), [undefined, 4], 'something of it came')
  await answer('a.test', 'away')
  t.strictSame(waits(), [9, 4])
  await run.stop()
})

t.test('what is under way when a registry comes back waits for its turn', async t => {
  const settleMs = 7_000
  const { run, asked, suspended, pass, recover, answer } = open({ settleMs })
  await pass(0)
  t.strictSame(asked, registries)
  recover('a.test')
  t.strictSame(suspended, ['a.test'], 'and what comes from another registry goes on')
  await pass(settleMs - 1)
  t.strictSame(asked, registries)
  await pass(1)
  t.strictSame(asked, [...registries, 'a.test'])
  for (const registry of registries) await answer(registry, 'there')
  t.equal(run.share().state, 'ended')
  await run.stop()
})

t.test('only platforms that an image has nothing for are told', async t => {
  const { run, answer, reasons, states, pass } = open({
    asks: ['linux/amd64', 'linux/s390x', 'linux/arm64'],
  })
  await pass(1)
  await answer('a.test', 'there')
  t.equal(states()[0], 'failed')
  t.equal(
    reasons()[0],
    'nothing in it is for linux/s390x, linux/arm64, only for linux/amd64; name an image that has it, or leave the platform out',
  )
  await run.stop()
})

const doneBefore: Share = {
  ...{ jobAtMs: 0, state: 'running', countedSinceMs: 5, bytes: 2 * size, totalBytes: 2 * size },
  images: registries.map(registry =>
    makeShareImage({
      ...{ state: 'done', digest: digestOf(Buffer.from(registry)), bytes: size, totalBytes: size },
    }),
  ),
}

t.test('what was done before a restart stays so where it is here', async t => {
  const { run, asked, pass } = open({ before: doneBefore, held: registries })
  await pass(1)
  t.match(run.share(), { state: 'ended', countedSinceMs: 5, bytes: 2 * size })
  t.strictSame(asked, [])
  await run.stop()
})

t.test('what was done before a restart and is gone is fetched again', async t => {
  const { run, asked, answer, states, pass } = open({ before: doneBefore, held: ['a.test'] })
  t.strictSame(states(), ['done', 'pending'])
  t.match(run.share(), { state: 'running', countedSinceMs: 9, bytes: size, totalBytes: 2 * size })
  await pass(1)
  t.strictSame(asked, ['b.test'])
  await answer('b.test', 'there')
  t.match(run.share(), { state: 'ended', countedSinceMs: 9, bytes: 2 * size })
  await run.stop()
})

t.test(
  'where only other nodes reach a registry, what refers to an image is not waited for',
  async t => {
    const { run, answer, states, reasons, pass } = open({ isUnasked: true })
    await pass(1)
    t.strictSame(states(), ['waiting', 'waiting'], 'it may pass in a moment')
    await pass(2_000)
    t.strictSame(states(), ['waiting', 'waiting'])
    await pass(4_000)
    await pass(1)
    for (const registry of registries) await answer(registry, 'there')
    t.strictSame(states(), ['done', 'done'])
    t.strictSame(reasons(), ['not asked', 'not asked'])
    await run.stop()
  },
)
