import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import { type PeerClient, PeerFailure, type PeerPriority } from '../../src/ports/peer-port.ts'
import { createPeerSource } from '../../src/pull/peer-source.ts'
import { repositoryOf } from '../support/fake-upstream.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const id = 'ab'.repeat(32)
const digest = digestOf(Buffer.from('a blob'))
const repository = repositoryOf('lab/app')

/** A node that is asked for a blob and never answers. */
function openSource(
  relay: boolean,
  size?: number,
  priority: PeerPriority = 'pull',
  isForOther = false,
) {
  const now = { priority, isThere: false }
  const clock = createMovableClock(0)
  const failed: string[] = []
  let say = (): void => {}
  const client: Pick<PeerClient, 'openBlob'> = {
    openBlob(_id, _question, { signal, onWorking = () => {} }) {
      say = onWorking
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
      })
    },
  }
  const book = {
    ...{ order: () => [], isThere: () => now.isThere, began() {}, sent() {}, answered() {} },
    failed: (other: string) => void failed.push(other),
    failedLately: () => false,
    raceAfterMs: () => 50,
    silentAfterMs: () => 1_000,
    speed: () => undefined,
  }
  const holders = { lacks() {}, lied() {} }
  const ask = { relay, priority: () => now.priority, isForOther, firstByteMs: 5_000, size }
  const source = createPeerSource({ client, holders, book, clock }, id, ask)
  const cut = new AbortController()
  const opening = source.open(digest, repository, 0, cut.signal)
  return {
    source,
    now,
    clock,
    failed,
    say: () => say(),
    async giveUp() {
      cut.abort(new PeerFailure('timeout', 'another one was first'))
      await opening.catch(() => {})
    },
  }
}

t.test('who fetches for all is waited for as long as it says that it is at it', async t => {
  for (const size of [undefined, 1_048_576, 10_000_000_000]) {
    const { source } = openSource(true, size)
    t.match(source, { raceAfterMs: 1_000, raceWorkingAfterMs: 2_000 })
  }
  t.match(openSource(true, 1_000).source, { raceAfterMs: 1_000, raceWorkingAfterMs: 500 })
})

t.test('behind all pulls it is waited for as long as it may take, be the blob small', async t => {
  for (const size of [undefined, 1_000, 10_000_000_000]) {
    const { source } = openSource(true, size, 'background')
    t.match(source, { raceAfterMs: 1_000, raceWorkingAfterMs: 5_000 })
  }
  const { source } = openSource(true, 1_000, 'background', true)
  t.equal(source.raceWorkingAfterMs, 500, 'but not for another node, which may be in a hurry')
})

t.test(
  'behind all pulls who is silent is waited for while the mesh takes it to be there',
  async t => {
    for (const relay of [true, false]) {
      const usualMs = relay ? 1_000 : 50
      const { source, now } = openSource(relay, 1_000, 'background')
      t.equal(source.raceAfterMs, usualMs, 'it is gone')
      now.isThere = true
      t.equal(source.raceAfterMs, 10_000, 'its machine may be busy')
      now.priority = 'pull'
      t.equal(source.raceAfterMs, usualMs, 'a client has come')
    }
    const { source, now } = openSource(true, 1_000, 'background', true)
    now.isThere = true
    t.equal(source.raceAfterMs, 1_000, 'another node asks, which may be in a hurry')
  },
)

t.test('a holder is raced by what is usual for it', async t => {
  const { source } = openSource(false, 50_000_000)
  t.equal(source.raceAfterMs, 50)
  t.equal(source.raceWorkingAfterMs, undefined)
})

t.test('who fetches for all may be in doubt, a holder may not', async t => {
  t.equal(openSource(true).source.reach(repository).state, 'reachable')
  t.equal(openSource(false).source.reach(repository).state, 'down')
})

t.test('who is given up because it is late is not asked again for a while', async t => {
  const silent = openSource(true)
  silent.clock.pass(1_000)
  await silent.giveUp()
  t.strictSame(silent.failed, [id])

  const working = openSource(true)
  working.clock.pass(900)
  working.say()
  working.clock.pass(900)
  await working.giveUp()
  t.strictSame(working.failed, [], 'one that was only slow is')

  const late = openSource(true)
  for (let said = 0; said < 10; said += 1) {
    late.clock.pass(200)
    late.say()
  }
  await late.giveUp()
  t.strictSame(late.failed, [id], 'one that is at it and comes to nothing is not')
})
