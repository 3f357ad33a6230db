import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { answer, image, keyOf, nginx, today } from '../../ports/tag-ledger.support.ts'
import { makeDirectory, messages, openIn } from './support.ts'

const pinned = keyOf('docker.io', 'library/pinned', '1')
const late = keyOf('docker.io', 'library/late', '1')

/** Enough rows that the file has pages of every kind. */
const rows = 400

/** A closed ledger with rows, a pin, a snapshot of these, and one row and one pin after it. */
async function makeLedger(t: Test, hasSnapshot = true): Promise<string> {
  const dataDir = await makeDirectory(t)
  const { ledger, settings, snapshot, close } = await openIn(t, dataDir)
  const keys = Array.from({ length: rows }, (_, i) => keyOf('docker.io', `library/r${i}`, 'x'))
  await Promise.all(keys.map(key => answer(ledger, 'a', { key, dateMs: today })))
  await ledger.setPin(pinned, image('p1'), {})
  await settings.set('mode', 'offline')
  if (hasSnapshot) t.equal(await snapshot(), true)
  await answer(ledger, 'late', { key: late, dateMs: today })
  await ledger.setPin(late, image('p2'), {})
  await close()
  return dataDir
}

/** Both pins are there, whatever else was lost, and it takes writes. */
async function checkPins(t: Test, ledger: Awaited<ReturnType<typeof openIn>>['ledger']) {
  t.match(ledger.pin(pinned), image('p1'))
  t.match(ledger.pin(late), image('p2'))
  t.equal(ledger.stats().writable, true)
  await answer(ledger, 'after', { dateMs: today })
  t.match(ledger.live(nginx), image('after'))
}

/** Overwrites pages from the second on with random bytes. */
async function overwrite(file: string, isDamaged: (page: number) => boolean): Promise<void> {
  const handle = await open(file, 'r+')
  const pages = (await handle.stat()).size / 4096
  for (let page = 1; page < pages; page++) {
    if (isDamaged(page)) await handle.write(randomBytes(4096), 0, 4096, page * 4096)
  }
  await handle.close()
}

const damages: Record<string, (file: string) => Promise<unknown>> = {
  'cut in the middle': async file => truncate(file, Math.floor((await stat(file)).size / 2)),
  'cut within the first page': file => truncate(file, 100),
  'of no length': file => truncate(file, 0),
  'with a header of rubbish': async file => {
    const handle = await open(file, 'r+')
    await handle.write(randomBytes(100), 0, 100, 0)
    await handle.close()
  },
  'rubbish altogether': async file => writeFile(file, randomBytes(50_000)),
  'of zeros': async file => writeFile(file, Buffer.alloc((await stat(file)).size)),
  'with every third page overwritten': file => overwrite(file, page => page % 3 === 0),
  'with every page but the first overwritten': file => overwrite(file, () => true),
  'a directory': async file => {
    await rm(file)
    await mkdir(file)
    await writeFile(join(file, 'x'), 'y')
  },
  'some other database': async file => {
    await rm(file)
    const db = new Database(file)
    db.exec('CREATE TABLE unrelated (x); PRAGMA user_version = 1')
    db.close()
  },
}

for (const [what, damage] of Object.entries(damages)) {
  t.test(
    `a database ${what} is moved aside, and the newest snapshot and the journal replace it`,
    async t => {
      const dataDir = await makeLedger(t)
      await damage(join(dataDir, 'ledger.db'))
      const { ledger, settings, recovered, lines, close } = await openIn(t, dataDir)
      t.equal(recovered, 'restored-from-snapshot')
      t.match(messages(lines, 'error'), [
        'ledger database cannot be used: moved aside',
        /restored from a snapshot/,
      ])
      t.equal(await ledger.countTags(), rows)
      t.equal(settings.get('mode'), 'offline')
      t.equal(ledger.live(late), undefined, 'newer than the snapshot')
      await checkPins(t, ledger)
      const aside = (await readdir(dataDir)).filter(name => name.includes('.damaged-'))
      t.ok(aside.length > 0)
      await close()
      const again = await openIn(t, dataDir)
      t.equal(again.recovered, 'ok')
      t.strictSame(messages(again.lines, 'error'), [])
      t.match(again.ledger.live(nginx), image('after'))
    },
  )
}

t.test('without a snapshot it is rebuilt with the pins alone', async t => {
  const dataDir = await makeLedger(t, false)
  await truncate(join(dataDir, 'ledger.db'), 5000)
  const { ledger, recovered, lines } = await openIn(t, dataDir)
  t.equal(recovered, 'rebuilt')
  t.match(messages(lines, 'error'), [/moved aside/, /no snapshot to restore/])
  t.match(messages(lines, 'warn'), ['pins taken back from the pin journal'])
  t.equal(await ledger.countTags(), 0)
  await checkPins(t, ledger)
})

t.test('a damaged snapshot is passed over for the one before', async t => {
  const dataDir = await makeLedger(t)
  const first = await openIn(t, dataDir)
  t.equal(await first.snapshot(), true)
  await first.close()
  const names = (await readdir(join(dataDir, 'snapshots'))).sort()
  t.equal(names.length, 2)
  await overwrite(join(dataDir, 'snapshots', names[1] ?? ''), () => true)
  await truncate(join(dataDir, 'ledger.db'), 0)
  const { ledger, recovered, lines } = await openIn(t, dataDir)
  t.equal(recovered, 'restored-from-snapshot')
  t.match(messages(lines, 'error'), [/moved aside/, 'snapshot cannot be used', /restored/])
  t.equal(await ledger.countTags(), rows)
  await checkPins(t, ledger)
})

t.test('a database whose log is missing opens, and no pin is lost', async t => {
  const dataDir = await makeDirectory(t)
  const before = await openIn(t, dataDir)
  await before.ledger.setPin(pinned, image('p1'), {})
  await before.ledger.setPin(late, image('p2'), {})
  // As a copy that somebody made without the log, of a database in use.
  const copy = await makeDirectory(t)
  for (const name of ['ledger.db', 'pins.journal', 'node.key']) {
    await writeFile(join(copy, name), await readFile(join(dataDir, name)))
  }
  t.ok((await stat(join(dataDir, 'ledger.db-wal'))).size > 0, 'the log had something')
  const { ledger, recovered } = await openIn(t, copy)
  t.equal(recovered, 'ok')
  await checkPins(t, ledger)
})

t.test('a log whose database is missing is moved aside', async t => {
  const dataDir = await makeLedger(t)
  await rename(join(dataDir, 'ledger.db'), join(dataDir, 'ledger.db-wal'))
  const { ledger, recovered } = await openIn(t, dataDir)
  t.equal(recovered, 'restored-from-snapshot')
  await checkPins(t, ledger)
})

t.test('a database that is gone is restored', async t => {
  const dataDir = await makeLedger(t)
  await rm(join(dataDir, 'ledger.db'))
  const { ledger, recovered } = await openIn(t, dataDir)
  t.equal(recovered, 'restored-from-snapshot')
  await checkPins(t, ledger)
})

t.test('pins that the journal lost are written to it again', async t => {
  const dataDir = await makeLedger(t, false)
  const journal = join(dataDir, 'pins.journal')
  await writeFile(journal, 'rubbish\n')
  const { close } = await openIn(t, dataDir)
  await close()
  await truncate(join(dataDir, 'ledger.db'), 0)
  const { ledger } = await openIn(t, dataDir)
  await checkPins(t, ledger)
})

t.test('a damaged key makes a new node of the old ledger', async t => {
  const dataDir = await makeLedger(t)
  await writeFile(join(dataDir, 'node.key'), 'rubbish')
  const { ledger, recovered } = await openIn(t, dataDir)
  t.equal(recovered, 'ok')
  await checkPins(t, ledger)
  await ledger.setPin(pinned, image('p3'), {})
  t.match(ledger.pin(pinned), image('p3'))
})

t.test('damage met while the ledger is in use', async t => {
  async function openDamaged(t: Test) {
    const dataDir = await makeLedger(t)
    const opened = await openIn(t, dataDir)
    const file = join(dataDir, 'ledger.db')
    await overwrite(file, () => true)
    // Another process commits something, so that nobody relies on pages he holds in memory.
    const other = new Database(file)
    other.pragma(`user_version = ${other.pragma('user_version', { simple: true })}`)
    other.close()
    return { dataDir, ...opened }
  }

  t.test('by a write: it recovers, and the write is not lost', async t => {
    const { ledger, lines, dataDir } = await openDamaged(t)
    await answer(ledger, 'after', { dateMs: today })
    t.ok(messages(lines, 'error').includes('ledger database cannot be used: moved aside'))
    t.match(ledger.live(nginx), image('after'))
    t.equal(await ledger.countTags(), rows + 1)
    await checkPins(t, ledger)
    t.ok(existsSync(join(dataDir, 'ledger.db-wal')), "the new database's log stays in place")
  })

  t.test('by a read: it answers, and recovers', async t => {
    const { ledger, lines } = await openDamaged(t)
    const live = ledger.list({ limit: 1000 })
    t.ok(live.length < rows, 'the fault fired')
    t.match(messages(lines, 'error'), ['ledger database cannot be read'])
    await ledger.setPin(pinned, image('p1'), {})
    t.equal(ledger.list({ limit: 1000 }).length, rows + 2, 'the writer has recovered by now')
    await checkPins(t, ledger)
  })
})
