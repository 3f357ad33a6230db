import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import {
  answer,
  day,
  hour,
  image,
  keyOf,
  minute,
  nginx,
  today,
} from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makeDirectory, messages, openIn } from './support.ts'

t.test('what was written is there after a restart', async t => {
  const dataDir = await makeDirectory(t)
  const clock = createMovableClock(today)
  const first = await openIn(t, dataDir, { clock })
  t.equal(first.recovered, 'fresh')
  for (const [i, name] of ['a', 'b'].entries()) {
    await answer(first.ledger, name, { dateMs: today + i * minute })
    clock.pass(minute)
  }
  const expiresAtMs = today + day
  await first.ledger.setPin(nginx, image('p'), { note: 'n', author: 'x', expiresAtMs })
  first.ledger.setHeldByClients(nginx, image('held'))
  await first.settings.set('mode', 'offline')
  const { ledger } = first
  const before = [
    ledger.live(nginx),
    ledger.history(nginx),
    ledger.pin(nginx),
    ledger.list({ limit: 9 }),
  ]
  await first.close()

  const again = await openIn(t, dataDir, { clock })
  t.equal(again.recovered, 'ok')
  const now = again.ledger
  t.strictSame(
    [now.live(nginx), now.history(nginx), now.pin(nginx), now.list({ limit: 9 })],
    before,
  )
  t.strictSame(now.heldByClients(nginx), image('held'))
  t.equal(again.settings.get('mode'), 'offline')
  t.equal(again.settings.get('unset'), undefined)
  t.equal(again.replication.origin, first.replication.origin)
  t.strictSame([...first.lines, ...again.lines], [], 'and nothing to tell')
})

t.test('a stop leaves one file without a log beside it', async t => {
  const dataDir = await makeDirectory(t)
  const { ledger, close } = await openIn(t, dataDir)
  await answer(ledger, 'a', { dateMs: today })
  await ledger.setPin(nginx, image('p'), {})
  await close()
  await close()
  t.strictSame((await readdir(dataDir)).sort(), ['ledger.db', 'node.key', 'pins.journal'])
  for (const name of await readdir(dataDir)) {
    if (name !== 'ledger.db') t.equal((await stat(join(dataDir, name))).mode & 0o077, 0, name)
  }
  await t.rejects(answer(ledger, 'b', { dateMs: today }), { code: 'ledger-unusable' })
})

for (const [name, wallMs] of [
  ['1970', 0],
  ['ten years ahead', today + 3652 * day],
] as const) {
  t.test(`a clock at ${name} that a registry corrected once stays corrected offline`, async t => {
    const dataDir = await makeDirectory(t)
    const clock = createMovableClock(wallMs)
    const first = await openIn(t, dataDir, { clock })
    await answer(first.ledger, 'a', { dateMs: today })
    clock.pass(hour)
    await first.close()

    clock.pass(hour)
    const again = await openIn(t, dataDir, { clock })
    t.equal(again.ledger.stats().clockVerified, false)
    t.equal(again.ledger.trustedNowMs(), today + 2 * hour)
    const live = again.ledger.live(nginx)
    t.equal(again.ledger.trustedNowMs() - (live?.confirmedAtMs ?? 0), 2 * hour, 'a sane age')
    await again.ledger.observeLocal(nginx, image('pushed'), 'push')
    t.match(again.ledger.live(nginx), { ...image('pushed'), stamp: { wallMs: today + 2 * hour } })
    await again.close()

    clock.setWall(0)
    const reset = await openIn(t, dataDir, { clock })
    t.ok(reset.ledger.trustedNowMs() >= today + hour, 'never before the highest time ever trusted')
    t.ok(Number(reset.settings.get('clock.highest-trusted-ms')) >= today + hour)
  })
}

t.test('what was written under a wrong clock is signed again under the right one', async t => {
  const dataDir = await makeDirectory(t)
  const clock = createMovableClock(today + 3652 * day)
  const first = await openIn(t, dataDir, { clock })
  const other = keyOf('docker.io', 'library/other', '1')
  await first.ledger.observeLocal(other, image('imported'), 'import')
  await first.ledger.setPin(other, image('p1'), {})
  await first.ledger.setPin(other, image('p2'), { note: 'n' })
  first.ledger.markUsed(other)
  clock.pass(hour)
  const heard: unknown[] = []
  first.ledger.onChanged(key => heard.push(key))
  await answer(first.ledger, 'a', { dateMs: today + hour })
  t.ok(heard.some(key => JSON.stringify(key) === JSON.stringify(other)))
  const check = ({ ledger }: typeof first) => {
    t.match(ledger.live(other), {
      ...image('imported'),
      stamp: { wallMs: today, counter: 0 },
      firstSeenMs: today,
      confirmedAtMs: today,
    })
    t.match(ledger.pin(other), { ...image('p2'), note: 'n', stamp: { wallMs: today, counter: 1 } })
  }
  check(first)
  await first.close()
  const again = await openIn(t, dataDir, { clock })
  check(again)
  const peer = await openIn(t, await makeDirectory(t), { clock: createMovableClock(today) })
  await answer(peer.ledger, 'a', { dateMs: today + hour })
  const records = again.replication.recordsOf(other)
  t.equal(records.length, 3, 'observation, pin and use')
  t.strictSame(
    await peer.replication.applyRecords(records),
    ['applied', 'applied', 'applied'],
    'signed rightly, and nothing is ahead',
  )
})

t.test('a use of a tag outlives a restart and is not written again within the week', async t => {
  const dataDir = await makeDirectory(t)
  const clock = createMovableClock(today)
  const first = await openIn(t, dataDir, { clock })
  await answer(first.ledger, 'a', { dateMs: clock.wallMs() })
  first.ledger.markUsed(nginx)
  await first.close()
  clock.pass(6 * day)
  const again = await openIn(t, dataDir, { clock })
  t.equal(again.replication.recordsOf(nginx).length, 2)
  const before = again.replication.recordsOf(nginx)
  again.ledger.markUsed(nginx)
  await answer(again.ledger, 'b', {
    key: keyOf('docker.io', 'library/b', '1'),
    dateMs: clock.wallMs(),
  })
  t.strictSame(again.replication.recordsOf(nginx), before)
  clock.pass(2 * day)
  again.ledger.markUsed(nginx)
  await answer(again.ledger, 'c', {
    key: keyOf('docker.io', 'library/c', '1'),
    dateMs: clock.wallMs(),
  })
  t.notSame(again.replication.recordsOf(nginx), before)
})

t.test('many writes at once are all taken, many to a commit', async t => {
  const { ledger } = await openIn(t, await makeDirectory(t))
  const count = 20_000
  const keyOfNumber = (n: number) => keyOf('docker.io', `library/r${n % 200}`, `t${n}`)
  const startedMs = performance.now()
  const writes = Array.from({ length: count }, (_, n) =>
    answer(ledger, `${n}`, { key: keyOfNumber(n), dateMs: today }),
  )
  t.equal(ledger.live(keyOfNumber(count - 1))?.digest, image(`${count - 1}`).digest, 'at once')
  t.equal(await ledger.countTags(), count, 'counted at once')
  t.equal(ledger.list({ limit: 500 }).length, 500)
  await Promise.all(writes)
  const perSecond = count / ((performance.now() - startedMs) / 1000)
  // With a commit for each a disk takes a hundred or so; a machine that does other things beside, a thousand of this.
  t.ok(perSecond > 300, `${Math.round(perSecond)} a second`)
  t.equal(await ledger.countTags(), count)
  t.equal(ledger.listTags(keyOf('docker.io', 'library/r0', ''), undefined, 1_000).length, 100)

  t.test('and read at a hundred thousand a second', async t => {
    const keys = Array.from({ length: 1_000 }, (_, n) => keyOfNumber(n * 17))
    const rounds = 50
    let found = 0
    let perSecond = 0
    for (let round = 0; round < rounds; round++) {
      const startedMs = performance.now()
      for (const key of keys) if (ledger.live(key) !== undefined) found++
      perSecond = Math.max(perSecond, keys.length / ((performance.now() - startedMs) / 1000))
    }
    t.equal(found, rounds * keys.length)
    // A fifth of it in the best of them: the machine that runs the tests does other things beside.
    t.ok(perSecond > 20_000, `${Math.round(perSecond)} a second`)
  })

  t.test('a page of a long list takes milliseconds', async t => {
    const startedMs = performance.now()
    for (let i = 0; i < 20; i++) {
      t.equal(ledger.list({ limit: 100, after: `docker.io/library/r${i * 7}:` }).length, 100)
    }
    const tookMs = (performance.now() - startedMs) / 20
    t.ok(tookMs < 200, `${tookMs.toFixed(1)} ms`)
  })
})

t.test('a ledger of another cluster id signs for that cluster', async t => {
  const first = await openIn(t, await makeDirectory(t), { clusterId: 'van 1' })
  const second = await openIn(t, await makeDirectory(t), { clusterId: 'van 2' })
  await answer(first.ledger, 'a', { dateMs: today })
  const records = first.replication.recordsOf(nginx)
  t.equal(records.length, 1)
  t.strictSame(await second.replication.applyRecords(records), ['cluster'])
  t.strictSame(messages(second.lines, 'error'), [])
})
