import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { createBackgroundPace } from '../../src/pull/background-pace.ts'
import type { Blobs } from '../../src/pull/get-blob.ts'
import { createFakeUpstream, repositoryOf } from '../support/fake-upstream.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { download, openPull, present } from '../support/pull-parts.ts'

const repository = repositoryOf('lab/app')
const [one, two] = [randomBytes(300_000), randomBytes(300_000)]
const { signal } = new AbortController()
const never = (): boolean => false

function open(t: Test, bytesPerSecond: number) {
  const upstream = createFakeUpstream()
  upstream.add(one, two)
  const pull = openPull(upstream, { pace: createBackgroundPace(bytesPerSecond, systemClock) })
  t.teardown(() => pull.close())
  return { upstream, ...pull }
}

/** As a client does it. */
async function pull(blobs: Blobs, bytes: Buffer): Promise<void> {
  const opened = present(await blobs.open(repository, digestOf(bytes), { signal }))
  await download(opened).whole
}

async function timed(work: Promise<unknown>): Promise<number> {
  const beganMs = performance.now()
  await work
  return performance.now() - beganMs
}

t.test('no limit is no pace', async t => {
  t.equal(createBackgroundPace(0, systemClock), undefined)
})

t.test('what is fetched behind clients comes at the pace, all downloads together', async t => {
  const { blobs, store } = open(t, 600_000)
  const fetches = [one, two].map(bytes => blobs.fetch(repository, digestOf(bytes), signal))
  const tookMs = await timed(Promise.all(fetches))
  t.ok(tookMs >= 850, `600 kB at 600 kB/s, a tenth of it at once: ${tookMs} ms`)
  for (const bytes of [one, two]) t.equal(store.stat(digestOf(bytes))?.size, bytes.length)
})

t.test('what a client asks for comes as fast as the registry sends it', async t => {
  const { blobs } = open(t, 10_000)
  const tookMs = await timed(pull(blobs, one))
  t.ok(tookMs < 10_000, `at 10 kB/s it would be 30 s: ${tookMs} ms`)
})

t.test('a client that joins a paced download is not kept to the pace', async t => {
  const { blobs } = open(t, 10_000)
  const fetching = blobs.fetch(repository, digestOf(one), signal)
  await delay(200)
  const tookMs = await timed(pull(blobs, one))
  t.ok(tookMs < 10_000, `${tookMs} ms`)
  await fetching
})

t.test('another node is kept to the pace while no client of its waits', async t => {
  const { blobs } = open(t, 300_000)
  const relayed = { start: 0, end: undefined, isRelayed: true, signal }
  const behind = await blobs.openForPeer(repository, digestOf(one), {
    ...relayed,
    priority: 'background',
  })
  const behindMs = await timed(download(present(behind)).whole)
  t.ok(behindMs >= 800, `300 kB at 300 kB/s: ${behindMs} ms`)

  const slow = open(t, 10_000)
  const hurried = await slow.blobs.openForPeer(repository, digestOf(two), {
    ...relayed,
    priority: 'pull',
  })
  const hurriedMs = await timed(download(present(hurried)).whole)
  t.ok(hurriedMs < 10_000, `for a client of its: ${hurriedMs} ms`)
})

t.test('a paced download that is suspended stops at once', async t => {
  const { blobs } = open(t, 1_000)
  const stopping = new AbortController()
  const fetching = blobs.fetch(repository, digestOf(one), stopping.signal)
  await delay(100)
  stopping.abort()
  await t.rejects(fetching)
  const tookMs = await timed(blobs.close())
  t.ok(tookMs < 5_000, `${tookMs} ms`)
})

t.test('a pause saves up a tenth of a second, and no more', async t => {
  const clock = createMovableClock(0)
  const pace = createBackgroundPace(10_000, clock)
  clock.pass(60_000)
  t.equal(pace?.take(1_000, never, signal), undefined)
  const ended = new AbortController()
  const waiting = pace?.take(1, never, ended.signal)
  t.not(waiting, undefined)
  ended.abort()
  await t.rejects(waiting ?? Promise.resolve())
})
