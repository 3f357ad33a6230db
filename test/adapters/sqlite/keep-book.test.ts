import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { operatorRecord } from '../../../src/ledger/own-record.ts'
import { minute, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makePeer } from '../../support/signing-node.ts'
import { makeDirectory, openIn } from './support.ts'

const nobody = { note: undefined, author: undefined }

t.test(
  'a keep is in force once it is durable, until it is lifted, and each change is told',
  async t => {
    const clock = createMovableClock(today)
    const { keeps, identity } = await openIn(t, await makeDirectory(t), { clock })
    let changes = 0
    const stop = keeps.onChange(() => {
      changes += 1
    })
    t.strictSame(keeps.list(), [])
    await keeps.set('docker.io/library/*', { note: 'the bridge', author: 'captain' })
    t.strictSame(keeps.list(), [
      {
        pattern: 'docker.io/library/*',
        atMs: today,
        origin: identity.origin,
        note: 'the bridge',
        author: 'captain',
      },
    ])
    t.equal(keeps.list(), keeps.list(), 'the same list while nothing changed')
    await keeps.set('a.lan/**', nobody)
    t.match(keeps.list(), [{ pattern: 'a.lan/**' }, { pattern: 'docker.io/library/*' }])
    clock.pass(minute)
    await keeps.lift('docker.io/library/*', 'captain')
    t.match(keeps.list(), [{ pattern: 'a.lan/**' }])
    t.equal(keeps.list().length, 1)
    t.equal(changes, 3)
    stop()
    await keeps.set('b.lan/**', nobody)
    t.equal(changes, 3)
  },
)

t.test('what another node says counts as soon as it was taken, unless it is banned', async t => {
  const { keeps, records, exclusions } = await openIn(t, await makeDirectory(t))
  const other = makePeer()
  let changes = 0
  keeps.onChange(() => {
    changes += 1
  })
  const stamp = { wallMs: today, counter: 0 }
  const details = { note: 'theirs' }
  const word = operatorRecord('keep', 'a.lan/**', undefined, other.origin, stamp, false, details)
  t.strictSame(await records.apply([other.sign(word)]), ['applied'])
  t.match(keeps.list(), [{ pattern: 'a.lan/**', note: 'theirs', origin: other.origin }])
  await exclusions.set('ban', other.origin, nobody)
  t.strictSame(keeps.list(), [])
  await exclusions.lift('ban', other.origin, undefined)
  t.match(keeps.list(), [{ pattern: 'a.lan/**' }])
  t.equal(changes, 3, 'a ban takes what its node said along')
})

t.test('of who is no operator nothing is taken', async t => {
  const { keeps, records, replication } = await openIn(t, await makeDirectory(t))
  const other = makePeer()
  replication.setOperators([])
  const stamp = { wallMs: today, counter: 0 }
  const word = operatorRecord('keep', 'a.lan/**', undefined, other.origin, stamp, false, {})
  t.strictSame(await records.apply([other.sign(word)]), ['no-operator'])
  t.strictSame(keeps.list(), [])
})

t.test('keeps outlive a restart', async t => {
  const dataDir = await makeDirectory(t)
  const first = await openIn(t, dataDir)
  await first.keeps.set('a.lan/**', { note: 'n', author: 'a' })
  await first.close()
  const { keeps } = await openIn(t, dataDir)
  t.match(keeps.list(), [{ pattern: 'a.lan/**', note: 'n', author: 'a' }])
})

t.test('keeps come back from the journal when the database is lost', async t => {
  const dataDir = await makeDirectory(t)
  const first = await openIn(t, dataDir)
  await first.keeps.set('a.lan/**', { note: 'n', author: 'a' })
  await first.keeps.set('b.lan/**', nobody)
  await first.keeps.lift('b.lan/**', undefined)
  await first.close()
  for (const suffix of ['', '-wal', '-shm']) {
    await rm(join(dataDir, `ledger.db${suffix}`), { force: true })
  }
  const { keeps, recovered } = await openIn(t, dataDir)
  t.equal(recovered, 'rebuilt')
  t.match(keeps.list(), [{ pattern: 'a.lan/**', note: 'n' }])
  t.equal(keeps.list().length, 1)
})
