import type { Test } from 'tap'
import {
  answer,
  day,
  hour,
  image,
  keyOf,
  minute,
  nginx,
  type OpenTagLedger,
  openFor,
  today,
} from './tag-ledger.support.ts'

const tenYears = 3652 * day

/** What a ledger promises about clocks and age. */
export function testLedgerTime(t: Test, open: OpenTagLedger): void {
  testWrongClocks(t, open)
  testDates(t, open)
  testAgeOut(t, open)
}

function testWrongClocks(t: Test, open: OpenTagLedger): void {
  t.test('time is trusted once a Date came over TLS', async t => {
    const { ledger, clock } = await openFor(t, open, 5 * day)
    t.equal(ledger.stats().clockVerified, false)
    await answer(ledger, 'a', { dateMs: today, overTls: false })
    t.equal(ledger.stats().clockVerified, false, 'plain HTTP proves nothing')
    await answer(ledger, 'a', { dateMs: today })
    t.match(ledger.stats(), { clockVerified: true, clockOffsetMs: today - clock.wallMs() })
    t.equal(ledger.trustedNowMs(), today)
    clock.pass(hour)
    t.equal(ledger.trustedNowMs(), today + hour)
    clock.setWall(today + 9 * day)
    t.equal(ledger.trustedNowMs(), today + hour, 'a wall clock that is set changes nothing')
  })

  for (const [name, wallMs] of [
    ['1970', 0],
    ['ten years ahead', today + tenYears],
  ] as const) {
    t.test(`with a clock at ${name} records are in order and ages sane`, async t => {
      const { ledger, clock } = await openFor(t, open, wallMs)
      await ledger.observeLocal(nginx, image('imported'), 'import')
      clock.pass(minute)
      await answer(ledger, 'a', { dateMs: today })
      t.match(ledger.live(nginx), { ...image('a'), stamp: { wallMs: today }, confirmedAtMs: today })
      t.equal(ledger.trustedNowMs(), today)
      clock.pass(hour)
      await answer(ledger, 'b', { dateMs: today + hour })
      t.match(ledger.live(nginx), { ...image('b'), stamp: { wallMs: today + hour } })
      clock.pass(hour)
      await ledger.observeLocal(nginx, image('pushed'), 'push')
      t.match(ledger.live(nginx), { ...image('pushed'), stamp: { wallMs: today + 2 * hour } })
      clock.pass(hour)
      await answer(ledger, 'c', { dateMs: today + 3 * hour })
      const live = ledger.live(nginx)
      t.match(live, { ...image('c'), stamp: { wallMs: today + 3 * hour } })
      clock.pass(20_000)
      t.equal(ledger.trustedNowMs() - (live?.confirmedAtMs ?? 0), 20_000)
      t.strictSame(
        ledger.history(nginx).map(seen => seen.digest),
        ['c', 'pushed', 'b', 'a', 'imported'].map(name => image(name).digest),
      )
    })

    t.test(`with a clock at ${name} and plain HTTP alone the same holds`, async t => {
      const { ledger, clock } = await openFor(t, open, wallMs)
      for (const [i, name] of ['a', 'b', 'c'].entries()) {
        await answer(ledger, name, { dateMs: today + i * hour, overTls: false })
        t.equal(ledger.live(nginx)?.digest, image(name).digest)
        clock.pass(hour)
        await ledger.observeLocal(nginx, image(`pushed ${i}`), 'push')
        t.equal(ledger.live(nginx)?.digest, image(`pushed ${i}`).digest)
      }
      await answer(ledger, 'd', { dateMs: today + 4 * hour, overTls: false })
      clock.pass(30_000)
      const ageMs = ledger.trustedNowMs() - (ledger.live(nginx)?.confirmedAtMs ?? 0)
      t.equal(ageMs, 30_000)
    })
  }

  t.test('a question sent before the clock was corrected does not carry its error on', async t => {
    const { ledger } = await openFor(t, open, today + tenYears)
    await ledger.observeLocal(nginx, image('imported'), 'import')
    const asked = ledger.askedNow(nginx)
    t.equal(asked.liveStamp?.wallMs, today + tenYears)
    await answer(ledger, 'a', { dateMs: today, asked })
    t.match(ledger.live(nginx), { ...image('a'), stamp: { wallMs: today } })
    t.match(ledger.history(nginx)[1], { ...image('imported'), stamp: { wallMs: today } })
  })
}

function testDates(t: Test, open: OpenTagLedger): void {
  t.test('one insane Date neither moves trusted time nor poisons a stamp', async t => {
    const { ledger, clock } = await openFor(t, open)
    for (let i = 0; i < 3; i++) await answer(ledger, 'a', { dateMs: today })
    for (const insane of [today + tenYears, today - day, 0, -5, Number.NaN, 1.5]) {
      await answer(ledger, `said at ${insane}`, { dateMs: insane })
      t.equal(ledger.live(nginx)?.digest, image(`said at ${insane}`).digest)
      t.ok(Math.abs(ledger.trustedNowMs() - clock.wallMs()) <= minute, `time after ${insane}`)
      const stamp = ledger.live(nginx)?.stamp.wallMs ?? 0
      t.ok(Math.abs(stamp - clock.wallMs()) <= minute, `stamp after ${insane}`)
      clock.pass(1000)
      for (let i = 0; i < 4; i++) await answer(ledger, 'a', { dateMs: clock.wallMs() })
    }
    await answer(ledger, 'z', { dateMs: clock.wallMs() })
    t.equal(ledger.live(nginx)?.digest, image('z').digest)
  })

  t.test('an insane Date over plain HTTP is put right once time is known', async t => {
    const { ledger } = await openFor(t, open)
    await answer(ledger, 'a', { dateMs: today + tenYears, overTls: false })
    t.equal(ledger.live(nginx)?.digest, image('a').digest)
    await answer(ledger, 'b', { dateMs: today, key: keyOf('docker.io', 'library/b', '1') })
    t.match(ledger.live(nginx), { ...image('a'), stamp: { wallMs: today }, confirmedAtMs: today })
    await answer(ledger, 'c', { dateMs: today + 1000, overTls: false })
    t.match(ledger.live(nginx), { ...image('c'), stamp: { wallMs: today + 1000 } })
  })

  t.test('an answer without a Date counts from trusted time', async t => {
    const { ledger, clock } = await openFor(t, open, 0)
    await answer(ledger, 'a', { dateMs: today })
    clock.pass(minute)
    await answer(ledger, 'b')
    t.match(ledger.live(nginx), {
      ...image('b'),
      stamp: { wallMs: today + minute },
      confirmedAtMs: today + minute,
    })
  })

  t.test('a registry that is a little fast is believed', async t => {
    const { ledger } = await openFor(t, open)
    await answer(ledger, 'a', { dateMs: today })
    await answer(ledger, 'b', { dateMs: today + 4 * minute, overTls: false })
    t.equal(ledger.live(nginx)?.stamp.wallMs, today + 4 * minute)
  })
}

function testAgeOut(t: Test, open: OpenTagLedger): void {
  const old = keyOf('docker.io', 'library/old', '1')
  const used = keyOf('docker.io', 'library/used', '1')
  const pinned = keyOf('docker.io', 'library/pinned', '1')

  t.test(
    'what nobody used for ninety days is forgotten, what is used or pinned is not',
    async t => {
      const { ledger, clock } = await openFor(t, open)
      for (const key of [old, used, pinned]) await answer(ledger, 'a', { key, dateMs: today })
      await ledger.setPin(pinned, image('p'), {})
      t.equal(await ledger.ageOut(), 0)
      const heard: unknown[] = []
      ledger.onChanged(key => heard.push(key))
      for (let passed = 0; passed < 89; passed++) {
        clock.pass(day)
        ledger.markUsed(used)
        t.equal(await ledger.ageOut(), 0, `day ${passed}`)
      }
      clock.pass(2 * day)
      heard.length = 0
      t.equal(await ledger.ageOut(), 2)
      t.equal(ledger.live(old), undefined)
      t.strictSame(ledger.history(old), [])
      t.ok(ledger.live(used))
      t.equal(ledger.live(pinned), undefined)
      t.match(ledger.pin(pinned), image('p'))
      t.equal(await ledger.countTags(), 1)
      t.strictSame(heard, [old, pinned])
    },
  )

  t.test('an image found in containerd does not age out by its stamp', async t => {
    const { ledger, clock } = await openFor(t, open)
    await answer(ledger, 'a', { key: used, dateMs: today })
    await ledger.observeLocal(nginx, image('found'), 'containerd')
    await ledger.ageOut()
    clock.pass(30 * day)
    t.equal(await ledger.ageOut(), 0)
    t.ok(ledger.live(nginx))
    clock.pass(62 * day)
    t.equal(await ledger.ageOut(), 2)
  })

  t.test('half a year without power does not wipe the ledger', async t => {
    const { ledger, clock } = await openFor(t, open)
    for (const key of [old, used]) await answer(ledger, 'a', { key, dateMs: today })
    await ledger.ageOut()
    clock.setWall(today + 180 * day)
    // Registries agree that it is later; the node was not up in between.
    for (let i = 0; i < 5; i++) await answer(ledger, 'x', { dateMs: today + 180 * day })
    t.equal(ledger.trustedNowMs(), today + 180 * day)
    t.equal(await ledger.ageOut(), 0)
    ledger.markUsed(used)
    clock.pass(44 * day)
    t.equal(await ledger.ageOut(), 0, 'the horizon moves two days a day')
    clock.pass(2 * day)
    t.equal(await ledger.ageOut(), 1)
    t.equal(ledger.live(old), undefined)
    t.ok(ledger.live(used))
  })

  t.test('nothing is forgotten while nobody confirmed the clock', async t => {
    const { ledger, clock } = await openFor(t, open)
    await answer(ledger, 'a', { dateMs: today, overTls: false })
    await ledger.ageOut()
    clock.pass(400 * day)
    t.equal(await ledger.ageOut(), 0)
    t.ok(ledger.live(nginx))
  })
}
