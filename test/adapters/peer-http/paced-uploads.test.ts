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
      const client = makeClient(t, addresses)
      return {
        ping: () => client.call(id, 'ping', new Uint8Array(), options),
        /** Reads until the test ends, and counts. */
        async read(priority: PeerPriority) {
          const sinceMs = performance.now()
          const reading = new AbortController()
          t.teardown(() => reading.abort())
          const question = { digest, repository, offset: 0, relay: false, priority }
          const { signal } = reading
          const { body } = await client.openBlob(id, question, { signal, firstByteMs: 10_000 })
          const state = { bytes: 0, sinceMs }
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

/** Waits for a second that is as it should be: the machine may be busy in any one, but not in all of twenty. */
async function untilRates(
  t: Test,
  readers: readonly Reader[],
  isSo: (found: readonly number[]) => boolean,
  what: string,
): Promise<void> {
  let found: readonly number[] = []
  for (let second = 0; second < 20; second += 1) {
    found = await rates(readers)
    if (isSo(found)) break
  }
  t.ok(isSo(found), `${what}: ${found.map(Math.round).join(', ')} bytes a second`)
}

/** Never more than the limit allows since the first of them began: what a second is short of may come in the next one. */
function keepsTo(t: Test, readers: readonly Reader[], limit: number): void {
  const seconds = (performance.now() - Math.min(...readers.map(of => of.state.sinceMs))) / 1_000
  const bytes = sum(readers.map(({ state }) => state.bytes))
  // A tenth of a second may be sent at once, and be overdrawn by a piece.
  const atOnce = limit * 0.15
  t.ok(bytes <= limit * seconds + atOnce, `${bytes} bytes in ${seconds} s of ${limit} a second`)
}

/** These readers get their limit, and no more. */
async function holds(t: Test, readers: readonly Reader[], limit: number): Promise<void> {
  await untilRates(t, readers, found => sum(found) >= limit * 0.9, 'the limit is used')
  await rates(readers)
  keepsTo(t, readers, limit)
}

t.test('all uploads together keep to their limit', async t => {
  const { join } = await startHolder(t, { uploadBytesPerSecond: 4 * MB })
  const nodes = [join(), join(), join()]
  const readers = await Promise.all(nodes.map(node => node.read('pull')))
  await holds(t, readers, 4 * MB)
})

t.test('those to one node keep to its limit, however many they are, and to the total', async t => {
  const { join } = await startHolder(t, {
    uploadBytesPerSecond: 5 * MB,
    uploadPerPeerBytesPerSecond: 3 * MB,
  })
  const greedy = join()
  const readers = await Promise.all([1, 2, 3].map(() => greedy.read('pull')))
  await holds(t, readers, 3 * MB)
  const other = await join().read('pull')
  await holds(t, [...readers, other], 5 * MB)
  keepsTo(t, readers, 3 * MB)
})

t.test(
  'a pull goes before background work, which is not starved, nor is what is small',
  async t => {
    const { join } = await startHolder(t, { uploadBytesPerSecond: 4 * MB })
    const [busy, waiting] = [join(), join()]
    const background = await Promise.all([busy.read('background'), busy.read('background')])
    await holds(t, background, 4 * MB)
    const pull = await waiting.read('pull')
    const all = [...background, pull]
    const isPulls = (found: readonly number[]) => (found.at(-1) ?? 0) >= 0.85 * sum(found)
    await untilRates(t, all, isPulls, 'most is for the pull')
    await untilRates(t, background, found => sum(found) > 0, 'a drop now and then keeps them alive')
    const pings: number[] = []
    while (pings.length < 20 && !pings.some(ms => ms < 500)) {
      const sinceMs = performance.now()
      await waiting.ping()
      pings.push(performance.now() - sinceMs)
    }
    t.ok(pings.length < 20, 'a question does not queue up behind it')
    keepsTo(t, all, 4 * MB)
    pull.stop()
    await holds(t, background, 4 * MB)
  },
)
