import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t from 'tap'
import { findDamage, openReader } from '../../../src/adapters/sqlite/database.ts'
import { listSnapshots, takeSnapshot } from '../../../src/adapters/sqlite/snapshot.ts'
import { answer, image, keyOf, nginx, today } from '../../ports/tag-ledger.support.ts'
import { makeDirectory, openIn } from './support.ts'

t.test('a snapshot is taken when something changed, and two are kept', async t => {
  const dataDir = await makeDirectory(t)
  const { ledger, snapshot } = await openIn(t, dataDir)
  t.equal(await snapshot(), true, 'the first in any case')
  t.equal(await snapshot(), false)
  for (const name of ['a', 'b', 'c']) {
    await answer(ledger, name, { dateMs: today })
    t.equal(await snapshot(), true)
  }
  t.equal(await snapshot(), false)
  const names = (await readdir(join(dataDir, 'snapshots'))).sort()
  t.strictSame(names, ['ledger-0000000003.db', 'ledger-0000000004.db'])
  const newest = openReader(join(dataDir, 'snapshots', 'ledger-0000000004.db'))
  t.teardown(() => newest.close())
  const digest = newest.prepare('SELECT digest FROM record WHERE kind = 1').pluck().get()
  t.equal(digest, image('c').digest)
  t.equal(findDamage(newest), undefined)
})

t.test('writes go on while one is taken', async t => {
  const dataDir = await makeDirectory(t)
  const { ledger, snapshot } = await openIn(t, dataDir)
  const write = (n: number) =>
    answer(ledger, 'a', { key: keyOf('docker.io', 'library/many', `t${n}`), dateMs: today })
  await Promise.all(Array.from({ length: 3_000 }, (_, n) => write(n)))
  let isTaken = false
  const taken = snapshot().then(() => {
    isTaken = true
  })
  let during = 0
  for (let n = 3_000; !isTaken; n++) {
    await write(n)
    during++
  }
  await taken
  t.ok(during > 0)
  const [newest = ''] = listSnapshots(join(dataDir, 'ledger.db'))
  const copy = openReader(newest)
  t.teardown(() => copy.close())
  t.equal(findDamage(copy), undefined)
  t.ok(Number(copy.prepare('SELECT count(*) FROM record').pluck().get()) >= 3_000)
})

t.test('one that fails leaves those that are there', async t => {
  const dataDir = await makeDirectory(t)
  const { ledger, snapshot, close } = await openIn(t, dataDir)
  await answer(ledger, 'a', { dateMs: today })
  await snapshot()
  const [path = ''] = listSnapshots(join(dataDir, 'ledger.db'))
  t.equal((await stat(path)).mode & 0o777, 0o600, 'for its owner alone, as the database is')
  t.match(ledger.live(nginx), image('a'))
  await close()
  const file = join(dataDir, 'ledger.db')
  const closed = new Database(file)
  closed.close()
  await t.rejects(takeSnapshot(closed, file))
  t.strictSame(await readdir(join(dataDir, 'snapshots')), ['ledger-0000000001.db'])
})
