/** Tests that mount small and read-only disks; run by full-disk.test.ts in a mount namespace of its own. */
import { execFileSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { answer, image, nginx, today } from '../../ports/tag-ledger.support.ts'
import { checkFull, fillDisk } from './full-disk.support.ts'
import { openIn } from './support.ts'

const directory = process.argv[2] ?? ''

/** A disk in memory that goes with the test. */
async function mountDisk(t: Test, name: string, options: string) {
  const disk = join(directory, name)
  await mkdir(disk)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk])
  t.teardown(() => void execFileSync('umount', ['-l', disk]))
  const remount = (options: string) => execFileSync('mount', ['-o', `remount,${options}`, disk])
  return { disk, remount }
}

const again = 'ledger takes writes again'

t.test('a full disk is survived, and writes resume when there is room', async t => {
  const { disk, remount } = await mountDisk(t, 'small', 'size=1m')
  const opened = await openIn(t, disk)
  const filled = await checkFull(t, opened)
  remount('size=16m')
  await opened.heard(again)
  await answer(opened.ledger, 'after', { dateMs: today })
  t.match(opened.ledger.live(nginx), image('after'))
  t.equal(opened.ledger.stats().writable, true)
  await opened.close()
  const next = await openIn(t, disk)
  t.equal(next.recovered, 'ok')
  t.match(next.ledger.live(nginx), image('after'))
  t.equal(next.ledger.stats().pins, filled)
  t.equal(next.resolutions.find({ limit: 10 }).length, 1, 'what waited was written')
})

t.test('a start on a disk without any room answers, and writes when there is', async t => {
  const { disk, remount } = await mountDisk(t, 'none', 'size=1m')
  const before = await openIn(t, disk)
  await answer(before.ledger, 'before', { dateMs: today })
  await before.close()
  fillDisk(join(disk, 'filler'))
  const opened = await openIn(t, disk)
  t.match(opened.ledger.live(nginx), image('before'))
  await t.rejects(opened.ledger.setPin(nginx, image('p'), {}), { code: 'ledger-unusable' })
  t.equal(opened.ledger.stats().writable, false)
  remount('size=16m')
  await opened.heard(again)
  await opened.ledger.setPin(nginx, image('p'), {})
  t.match(opened.ledger.pin(nginx), image('p'))
  t.match(opened.ledger.live(nginx), image('before'))
})

t.test('a read-only directory is read', async t => {
  const { disk, remount } = await mountDisk(t, 'read-only', 'size=16m')
  const before = await openIn(t, disk)
  await answer(before.ledger, 'before', { dateMs: today })
  await before.ledger.setPin(nginx, image('p'), {})
  await before.close()
  remount('ro')
  const opened = await openIn(t, disk)
  t.match(opened.ledger.live(nginx), image('before'))
  t.match(opened.ledger.pin(nginx), image('p'))
  t.equal(opened.ledger.stats().writable, false)
  await t.rejects(answer(opened.ledger, 'during', { dateMs: today }), { code: 'ledger-unusable' })
  remount('rw')
  await opened.heard(again)
  await answer(opened.ledger, 'after', { dateMs: today })
  t.match(opened.ledger.live(nginx), image('after'))
})

t.test('an empty read-only directory does not prevent a start', async t => {
  const { disk } = await mountDisk(t, 'empty', 'ro')
  const opened = await openIn(t, join(disk, 'data'))
  t.equal(opened.ledger.live(nginx), undefined)
  t.equal(opened.ledger.stats().writable, false)
})
