import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { answer, day, image, nginx, today } from '../../ports/tag-ledger.support.ts'
import { runWithMounts, skipMounting } from '../../support/mount-namespace.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { checkFull } from './full-disk.support.ts'
import { makeDirectory, openIn } from './support.ts'

t.test('a database that may not grow answers, refuses, and says so', async t => {
  const dataDir = await makeDirectory(t)
  const opened = await openIn(t, dataDir, { maxPages: 100 })
  const filled = await checkFull(t, opened)
  await opened.close()
  const again = await openIn(t, dataDir)
  t.equal(again.recovered, 'ok')
  t.equal(again.ledger.stats().pins, filled, 'what was acknowledged, no more')
  await again.ledger.setPin(nginx, image('p'), {})
  t.equal(again.ledger.stats().writable, true)
})

t.test(
  'a clock that is corrected while nothing can be written corrects later writes too',
  async t => {
    const dataDir = await makeDirectory(t)
    const clock = createMovableClock(today + 3652 * day)
    const opened = await openIn(t, dataDir, { maxPages: 120, clock })
    const { ledger } = opened
    await ledger.observeLocal(nginx, image('imported'), 'import')
    const note = 'x'.repeat(4_000)
    const fill = async () => {
      for (let n = 0; ; n++) await ledger.setPin(nginx, image(`${n}`), { note })
    }
    // Each pin takes the place of the one before; its history grows.
    await t.rejects(fill(), { code: 'ledger-unusable' })
    await t.rejects(answer(ledger, 'a', { dateMs: today }), { code: 'ledger-unusable' })
    t.equal(ledger.stats().clockVerified, true)
    const live = { ...image('imported'), stamp: { wallMs: today }, confirmedAtMs: today }
    t.match(ledger.live(nginx), live)
    t.match(ledger.list({ limit: 1 }), [{ live, pin: { stamp: { wallMs: today } } }])
    await opened.close()
    const again = await openIn(t, dataDir, { clock })
    await answer(again.ledger, 'b', { dateMs: today })
    t.match(again.ledger.live(nginx), { ...image('b'), stamp: { wallMs: today } })
  },
)

t.test('a directory without the right to write is read', async t => {
  const dataDir = await makeDirectory(t)
  const before = await openIn(t, dataDir)
  await answer(before.ledger, 'before', { dateMs: today })
  await before.close()
  await chmod(dataDir, 0o500)
  t.teardown(() => chmod(dataDir, 0o700))
  const opened = await openIn(t, dataDir)
  t.match(opened.ledger.live(nginx), image('before'))
})

t.test('so is one on a disk that is full or read-only', { skip: skipMounting }, async t => {
  const directory = await makeDirectory(t)
  await runWithMounts(t, join(import.meta.dirname, 'full-disk-child.ts'), { directory, tests: 4 })
})
