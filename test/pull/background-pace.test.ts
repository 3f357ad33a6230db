import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { BlobSource } from '../../src/ports/blob-source.ts'
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

t.test(
  'a node that was asked for nobody is asked anew for the rest when a client comes',
  async t => {
    const upstream = createFakeUpstream()
    const asked: number[] = []
    let isClientThere = false
    const peer: BlobSource = {
      name: 'peer',
      kind: 'peer',
      reach: () => ({ state: 'reachable' }),
      async open(_digest, _repository, offset) {
        asked.push(offset)
        const isFirst = asked.length === 1
        async function* body() {
          if (!isFirst) yield one.subarray(offset)
          for (let at = offset; isFirst; at += 1_000) {
            await delay(100)
            if (at === 2_000) isClientThere = true
            yield one.subarray(at, at + 1_000)
          }
        }
        return {
          offset,
          size: one.length,
          body: body(),
          isOutpaced: () => isFirst && isClientThere,
        }
      },
    }
    const { blobs, close } = openPull(upstream, { peers: [peer] })
    t.teardown(close)
    const fetching = blobs.fetch(repository, digestOf(one), signal)
    const tookMs = await timed(pull(blobs, one))
    await fetching
    const [first, second = 0] = asked
    t.equal(asked.length, 2)
    t.equal(first, 0)
    t.ok(second >= 1_000 && second < one.length, `from ${second} on`)
    t.ok(tookMs < 10_000, `at its pace it would be 30 s: ${tookMs} ms`)
  },
)

t.test('a download that its client left is background: what else there is goes on', async t => {
  const large = randomBytes(3_000_000)
  const upstream = createFakeUpstream()
  upstream.add(large)
  const { blobs, close } = openPull(upstream)
  t.teardown(close)
  const body = upstream.nextBody(large.length)
  const opening = blobs.open(repository, digestOf(large), { signal })
  body.send(large.subarray(0, 1_000_000))
  const client = present(await opening)
  const heard: boolean[] = []
  blobs.onBusyChange(() => heard.push(blobs.isBusy()))
  t.equal(blobs.isBusy(), true)
  await client.close()
  t.strictSame(heard, [false])
  body.send(large.subarray(1_000_000))
  body.end()
  t.equal(await blobs.fetch(repository, digestOf(large), signal), undefined)
  t.equal(upstream.count('getBlob'), 1, 'it is finished all the same')
  t.strictSame(heard, [false])
})
