import t from 'tap'
import { operatorRecord } from '../../../src/ledger/own-record.ts'
import { image, minute, nginx, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makePeer } from '../../support/signing-node.ts'
import { makeDirectory, openIn } from './support.ts'

t.test('bans and blocks are told while they are in force, and filter what is read', async t => {
  const clock = createMovableClock(today)
  const { ledger, records, exclusions, identity } = await openIn(t, await makeDirectory(t), {
    clock,
  })
  const liar = makePeer()
  await ledger.observeLocal(nginx, image('good'), 'import')
  t.strictSame(await records.apply([liar.observe('bad', today + minute)]), ['applied'])
  t.equal(ledger.live(nginx)?.digest, image('bad').digest)

  await exclusions.set('ban', liar.origin, { note: 'stolen', author: 'captain' })
  t.strictSame(exclusions.list('ban'), [
    { key: liar.origin, atMs: today, origin: identity.origin, note: 'stolen', author: 'captain' },
  ])
  t.strictSame(exclusions.list('block'), [])
  t.equal(ledger.live(nginx)?.digest, image('good').digest)

  await exclusions.lift('ban', liar.origin, 'captain')
  t.strictSame(exclusions.list('ban'), [])
  t.equal(ledger.live(nginx)?.digest, image('bad').digest, 'nothing was lost')

  const { digest } = image('bad')
  await exclusions.set('block', digest, { note: undefined, author: undefined })
  t.match(exclusions.list('block'), [{ key: digest, note: undefined }])
  t.equal(ledger.live(nginx)?.digest, image('good').digest)
  clock.pass(minute)
  await exclusions.set('block', digest, { note: 'again', author: 'mate' })
  t.match(exclusions.list('block'), [{ note: 'again', atMs: today + minute }])
})

t.test('what is told of a block is what the newest says that counts', async t => {
  const { records, exclusions, identity } = await openIn(t, await makeDirectory(t))
  const liar = makePeer()
  const { digest } = image('bad')
  await exclusions.set('block', digest, { note: 'ours', author: 'mate' })
  await exclusions.set('ban', liar.origin, { note: undefined, author: undefined })
  const stamp = { wallMs: today + minute, counter: 0 }
  const details = { note: 'theirs' }
  const word = operatorRecord('block', digest, undefined, liar.origin, stamp, false, details)
  t.strictSame(await records.apply([liar.sign(word)]), ['applied'])
  t.match(exclusions.list('block'), [{ note: 'ours', origin: identity.origin }])
  await exclusions.lift('ban', liar.origin, undefined)
  t.match(exclusions.list('block'), [{ note: 'theirs', origin: liar.origin }])
})

t.test('they outlive a restart', async t => {
  const dataDir = await makeDirectory(t)
  const first = await openIn(t, dataDir)
  await first.exclusions.set('block', image('x').digest, { note: 'n', author: 'a' })
  await first.close()
  const { exclusions } = await openIn(t, dataDir)
  t.match(exclusions.list('block'), [{ key: image('x').digest, note: 'n', author: 'a' }])
})
