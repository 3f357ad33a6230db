import t from 'tap'
import { createTagMemory } from '../../src/pull/tag-memory.ts'
import { makeDirectory, openIn } from '../adapters/sqlite/support.ts'
import { answer, image, nginx, today } from '../ports/tag-ledger.support.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { makePeer } from '../support/signing-node.ts'

t.test('a ban and a block, and their ends, count for what was read before', async t => {
  const clock = createMovableClock(today)
  const { ledger, replication } = await openIn(t, await makeDirectory(t), { clock })
  const memory = createTagMemory({ ledger, clock }, { timeoutMs: 1_000, maxTags: 10 })
  const peer = makePeer()
  await answer(ledger, 'a', { dateMs: today })
  await replication.applyRecords([peer.observe('b', today + 1)])
  const says = (name: string, why: string) =>
    t.equal(memory.memoryOf(nginx).live?.digest, image(name).digest, why)
  says('b', 'the newest')
  const say = (kind: 'ban' | 'block', key: string, removed: boolean) =>
    replication.say({ kind, key, removed, target: undefined, details: {} })
  await say('block', image('b').digest, false)
  says('a', 'b is blocked')
  await say('block', image('b').digest, true)
  says('b', 'and no longer')
  await say('ban', peer.origin, false)
  says('a', 'who said b is banned')
  await say('ban', peer.origin, true)
  says('b', 'and no longer')

  const confirmed = { ...image('b'), endpoint: 'x', confirmedAtMs: today }
  memory.learn(nginx, confirmed, 5)
  t.match(memory.confirmationOf(nginx)?.confirmed, confirmed)
  await say('block', image('b').digest, false)
  t.equal(memory.confirmationOf(nginx), undefined)

  memory.close()
  says('a', 'read anew')
  await say('block', image('b').digest, true)
  says('a', 'closed, it follows nothing')
})

t.test('what was confirmed of a tag that is then forgotten says nothing any more', async t => {
  const clock = createMovableClock(today)
  const { ledger } = await openIn(t, await makeDirectory(t), { clock })
  const memory = createTagMemory({ ledger, clock }, { timeoutMs: 1_000, maxTags: 10 })
  await answer(ledger, 'a', { dateMs: today })
  memory.learn(nginx, { ...image('a'), endpoint: 'x', confirmedAtMs: today }, 5)
  t.equal(memory.memoryOf(nginx).live?.digest, image('a').digest)
  await ledger.forget(nginx, {})
  t.equal(memory.confirmationOf(nginx), undefined)
  t.equal(memory.memoryOf(nginx).live, undefined)
  memory.close()
})
