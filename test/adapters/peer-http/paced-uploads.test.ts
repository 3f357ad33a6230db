import { setTimeout as wait } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { digestOf } from '../../../src/oci/digest.ts'
import type { PeerPriority } from '../../../src/ports/peer-port.ts'
import { makeClient, options, startServer } from './support.ts'

const MB = 1_000_000
const digest = digestOf(Buffer.from('endless'))
const repository = { registry: 'docker.io', repository: 'library/nginx' }

/** More than any of these tests reads. */
const endless = {
  size: 10_000 * MB,
  read: async (into: Uint8Array) => into.length,
  close: async () => {},
}

type Limits = Readonly<Record<'uploadBytesPerSecond' | 'uploadPerPeerBytesPerSecond', number>>

/** A holder with limits, over real sockets. */
async function startHolder(t: Test, limits: Partial<Limits>) {
  const service = {
    openBlob: async () => endless,
    answers: new Map([['ping', async () => new Uint8Array()]]),
  }
  const { id, address } = await startServer(t, service, limits)
  const addresses = { [id]: [address] }
  return {
    /** Another node. */
    join() {
      const client = makeClient(t, addresses, { stallMs: 5_000 })
      return {
        ping: () => client.call(id, 'ping', new Uint8Array(), options),
        /** Reads until the test ends, and counts. */
        async read(priority: PeerPriority) {
          const reading = new AbortController()
          t.teardown(() => reading.abort())
          const question = { digest, repository, offset: 0, relay: false, priority }
          const { signal } = reading
          const { body } = await client.openBlob(id, question, { signal, firstByteMs: 5_000 })
          const state = { bytes: 0 }
          const run = async () => {
            for await (const chunk of body) state.bytes += chunk.length
          }
          run().catch(() => {})
          return { state, stop: () => reading.abort() }
        },
      }
    },
  }
}

type Reader = Awaited<
  ReturnType<ReturnType<Awaited<ReturnType<typeof startHolder>>['join']>['read']>
>

/** Bytes a second that came to each, over a second. */
async function rates(readers: readonly Reader[]): Promise<readonly number[]> {
  const before = readers.map(({ state }) => state.bytes)
  const sinceMs = performance.now()
  await wait(1_000)
  const seconds = (performance.now() - sinceMs) / 1_000
  return readers.map(({ state }, at) => (state.bytes - (before[at] ?? 0)) / seconds)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)

/** Of three seconds none is above the limits, and one (the machine may be busy) not below: both by a tenth at the most. */
async function holds(
  t: Test,
  readers: readonly Reader[],
  limitOf: (found: readonly number[]) => readonly (readonly [found: number, limit: number])[],
): Promise<void> {
  // What may be sent at once at the start, and what was on its way, is over by then.
  await wait(300)
  let wasReached = false
  for (let second = 0; second < 3; second += 1) {
    const found = limitOf(await rates(readers))
    for (const [rate, limit] of found) {
      t.ok(rate <= limit * 1.1, `${Math.round(rate)} of ${limit} bytes a second`)
    }
    wasReached ||= found.every(([rate, limit]) => rate >= limit * 0.9)
  }
  t.ok(wasReached, 'and it is used')
}

t.test('all uploads together keep to their limit', async t => {
  const { join } = await startHolder(t, { uploadBytesPerSecond: 4 * MB })
  const nodes = [join(), join(), join()]
  const readers = await Promise.all(nodes.map(node => node.read('pull')))
  await holds(t, readers, found => [[sum(found), 4 * MB]])
})

t.test('those to one node keep to its limit, however many they are, and to the total', async t => {
  const { join } = await startHolder(t, {
    uploadBytesPerSecond: 5 * MB,
    uploadPerPeerBytesPerSecond: 3 * MB,
  })
  const greedy = join()
  const readers = await Promise.all([1, 2, 3].map(() => greedy.read('pull')))
  await holds(t, readers, found => [[sum(found), 3 * MB]])
  const other = await join().read('pull')
  await holds(t, [...readers, other], ([a = 0, b = 0, c = 0, d = 0]) => [
    [a + b + c + d, 5 * MB],
    [Math.max(a + b + c, 2 * MB), 3 * MB],
  ])
})

t.test(
  'a pull goes before background work, which is not starved, nor is what is small',
  async t => {
    const { join } = await startHolder(t, { uploadBytesPerSecond: 4 * MB })
    const [busy, waiting] = [join(), join()]
    const background = await Promise.all([busy.read('background'), busy.read('background')])
    await holds(t, background, found => [[sum(found), 4 * MB]])
    const pull = await waiting.read('pull')
    await wait(300)
    const [beside = 0, behind = 0, pulled = 0] = await rates([...background, pull])
    const all = beside + behind + pulled
    t.ok(pulled >= 0.85 * all, `${Math.round(pulled)} of ${Math.round(all)} are the pull's`)
    await wait(1_500)
    const later = await rates(background)
    t.ok(sum(later) > 0, 'a drop now and then keeps the others alive')
    const sinceMs = performance.now()
    await waiting.ping()
    t.ok(performance.now() - sinceMs < 500, 'a question does not queue up behind it')
    pull.stop()
    await wait(500)
    await holds(t, background, found => [[sum(found), 4 * MB]])
  },
)
