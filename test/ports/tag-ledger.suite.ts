import type { Test } from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import { formatTag, type TagReference } from '../../src/oci/reference.ts'
import type { TagFilter, TagLedger } from '../../src/ports/tag-ledger.ts'
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
import { testLedgerTime } from './tag-ledger-time.suite.ts'

/** Every promise that a tag ledger makes, one subtest each. */
export function testTagLedger(t: Test, open: OpenTagLedger): void {
  testObservations(t, open)
  testQuestions(t, open)
  testLocal(t, open)
  testPins(t, open)
  testLists(t, open)
  testLedgerTime(t, open)
}

function testObservations(t: Test, open: OpenTagLedger): void {
  t.test('a key nobody saw is empty everywhere', async t => {
    const { ledger } = await openFor(t, open)
    t.equal(ledger.live(nginx), undefined)
    t.strictSame(ledger.history(nginx), [])
    t.equal(ledger.pin(nginx), undefined)
    t.equal(ledger.heldByClients(nginx), undefined)
    t.equal(ledger.askedNow(nginx).liveStamp, undefined)
    t.strictSame(ledger.list({ limit: 10 }), [])
    t.strictSame(ledger.liveTargets(), [])
    t.equal(await ledger.countTags(), 0)
    t.match(ledger.stats(), { pins: 0, writable: true, clockVerified: false })
  })

  t.test('what upstream answered is live from the moment it is written', async t => {
    const { ledger, clock } = await openFor(t, open)
    const written = answer(ledger, 'a', { dateMs: today })
    const before = ledger.live(nginx)
    t.match(before, { ...image('a'), source: 'upstream', stamp: { wallMs: today, counter: 0 } })
    await written
    t.strictSame(ledger.live(nginx), before, 'and is the same once it is durable')
    t.match(before, { confirmedAtMs: today, firstSeenMs: today, lastSeenMs: today })
    t.match(before?.origin, /^[0-9a-f]{64}$/)
    t.equal(await ledger.countTags(), 1)
    clock.pass(1)
    t.equal(ledger.live(nginx)?.confirmedAtMs, today)
  })

  t.test('an unchanged answer confirms and does not stamp anew for six hours', async t => {
    const { ledger, clock } = await openFor(t, open)
    await answer(ledger, 'a', { dateMs: today })
    clock.pass(hour)
    await answer(ledger, 'a', { dateMs: today + hour })
    t.match(ledger.live(nginx), {
      stamp: { wallMs: today, counter: 0 },
      confirmedAtMs: today + hour,
      firstSeenMs: today,
      lastSeenMs: today + hour,
    })
    clock.pass(6 * hour)
    await answer(ledger, 'a', { dateMs: today + 7 * hour })
    t.match(ledger.live(nginx), {
      stamp: { wallMs: today + 7 * hour, counter: 0 },
      confirmedAtMs: today + 7 * hour,
      firstSeenMs: today,
    })
  })

  t.test('a tag that moves leaves its history, newest first', async t => {
    const { ledger, clock } = await openFor(t, open)
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      await answer(ledger, name, { dateMs: today + i * minute })
      clock.pass(minute)
    }
    t.equal(ledger.live(nginx)?.digest, image('c').digest)
    const history = ledger.history(nginx)
    t.strictSame(
      history.map(seen => seen.digest),
      ['c', 'b', 'a'].map(name => image(name).digest),
    )
    t.strictSame(
      history.map(seen => seen.firstSeenMs),
      [2, 1, 0].map(i => today + i * minute),
    )
    t.ok(history.every(seen => seen.source === 'upstream'))
    t.match(history[2], { ...image('a'), confirmedAtMs: today })
  })

  t.test('a tag that upstream rolls back is live at the old digest again', async t => {
    const { ledger, clock } = await openFor(t, open)
    for (const name of ['a', 'b', 'a']) {
      await answer(ledger, name, { dateMs: clock.wallMs() })
      t.equal(ledger.live(nginx)?.digest, image(name).digest)
    }
    t.strictSame(
      ledger.history(nginx).map(seen => seen.digest),
      ['a', 'b'].map(name => image(name).digest),
      'each digest once',
    )
  })

  t.test('the history keeps ten digests and never drops the live one', async t => {
    const { ledger, clock } = await openFor(t, open)
    for (let i = 0; i < 14; i++) {
      await answer(ledger, `v${i}`, { dateMs: clock.wallMs() })
      clock.pass(1000)
    }
    const digests = ledger.history(nginx).map(seen => seen.digest)
    t.strictSame(
      digests,
      Array.from({ length: 10 }, (_, i) => image(`v${13 - i}`).digest),
    )
  })

  t.test('listeners hear of what changed, and not of what was only confirmed', async t => {
    const { ledger, clock } = await openFor(t, open)
    const heard: TagReference[] = []
    const stop = ledger.onChanged(key => heard.push(key))
    await answer(ledger, 'a', { dateMs: today })
    clock.pass(minute)
    await answer(ledger, 'a', { dateMs: today + minute })
    t.strictSame(heard, [nginx])
    await answer(ledger, 'b', { dateMs: today + minute })
    t.strictSame(heard, [nginx, nginx])
    stop()
    await answer(ledger, 'c', { dateMs: today + minute })
    t.equal(heard.length, 2)
  })
}

function testQuestions(t: Test, open: OpenTagLedger): void {
  t.test('a record is stamped after what was live when its question was sent', async t => {
    const { ledger } = await openFor(t, open)
    await answer(ledger, 'a', { dateMs: today })
    const asked = ledger.askedNow(nginx)
    t.strictSame(asked.liveStamp, { wallMs: today, counter: 0 })
    await answer(ledger, 'b', { dateMs: today - 10_000, asked })
    t.match(ledger.live(nginx), { ...image('b'), stamp: { wallMs: today, counter: 1 } })
  })

  t.test('a late answer to an old question does not beat the answer to a newer one', async t => {
    const { ledger } = await openFor(t, open)
    await answer(ledger, 'before', { dateMs: today })
    const first = ledger.askedNow(nginx)
    const second = ledger.askedNow(nginx)
    await answer(ledger, 'new', { dateMs: today + 1000, asked: second })
    await answer(ledger, 'old', { dateMs: today + 5000, asked: first })
    t.equal(ledger.live(nginx)?.digest, image('new').digest)
    t.ok(
      ledger.history(nginx).some(seen => seen.digest === image('old').digest),
      'but is remembered',
    )
  })

  t.test('two answers of one second are ordered by their questions', async t => {
    for (const order of [
      ['early', 'later'],
      ['later', 'early'],
    ]) {
      const { ledger } = await openFor(t, open)
      const asked = { early: ledger.askedNow(nginx), later: ledger.askedNow(nginx) }
      for (const name of order) {
        const question = name === 'early' ? asked.early : asked.later
        await answer(ledger, name, { dateMs: today, asked: question })
      }
      t.equal(ledger.live(nginx)?.digest, image('later').digest, order.join(' before '))
    }
  })

  t.test('a push that came while upstream was asked is judged by time', async t => {
    const { ledger, clock } = await openFor(t, open)
    await answer(ledger, 'a', { dateMs: today })
    const asked = ledger.askedNow(nginx)
    clock.pass(10_000)
    await ledger.observeLocal(nginx, image('pushed'), 'push')
    await answer(ledger, 'b', { dateMs: today + 5000, asked })
    t.equal(ledger.live(nginx)?.digest, image('pushed').digest, 'the answer is older')
    await answer(ledger, 'c', { dateMs: today + 11_000 })
    t.equal(ledger.live(nginx)?.digest, image('c').digest)
  })
}

function testLocal(t: Test, open: OpenTagLedger): void {
  t.test('a push and an import are live at once', async t => {
    const { ledger } = await openFor(t, open)
    await answer(ledger, 'a', { dateMs: today + 2000 })
    await ledger.observeLocal(nginx, image('pushed'), 'push')
    t.match(ledger.live(nginx), { ...image('pushed'), source: 'push' })
    await ledger.observeLocal(nginx, image('imported'), 'import')
    t.match(ledger.live(nginx), { ...image('imported'), source: 'import' })
  })

  t.test('an image found in containerd fills an empty key and nothing else', async t => {
    const { ledger } = await openFor(t, open)
    await ledger.observeLocal(nginx, image('found'), 'containerd')
    t.match(ledger.live(nginx), {
      ...image('found'),
      source: 'containerd',
      stamp: { wallMs: 0, counter: 0 },
      confirmedAtMs: today,
    })
    await answer(ledger, 'a', { dateMs: today })
    t.equal(ledger.live(nginx)?.digest, image('a').digest)
    await ledger.observeLocal(nginx, image('found again'), 'containerd')
    t.equal(ledger.live(nginx)?.digest, image('a').digest)
    t.notOk(ledger.history(nginx).some(seen => seen.digest === image('found again').digest))
  })

  t.test('what containerd holds and upstream confirms becomes an upstream observation', async t => {
    const { ledger } = await openFor(t, open)
    await ledger.observeLocal(nginx, image('found'), 'containerd')
    await answer(ledger, 'found', { dateMs: today })
    t.match(ledger.live(nginx), { source: 'upstream', stamp: { wallMs: today, counter: 0 } })
  })

  t.test('a digest that clients hold is remembered, the newest one', async t => {
    const { ledger } = await openFor(t, open)
    ledger.setHeldByClients(nginx, image('a'))
    t.strictSame(ledger.heldByClients(nginx), image('a'))
    ledger.setHeldByClients(nginx, image('b'))
    t.strictSame(ledger.heldByClients(nginx), image('b'))
    t.equal(ledger.live(nginx), undefined, 'and is no observation')
    t.strictSame(ledger.list({ limit: 10 }), [])
  })
}

function testPins(t: Test, open: OpenTagLedger): void {
  t.test('a pin is in force until it is removed', async t => {
    const { ledger, clock } = await openFor(t, open)
    await answer(ledger, 'a', { dateMs: today })
    const set = ledger.setPin(nginx, image('pinned'), { note: 'for the trip', author: 'ann' })
    t.match(ledger.pin(nginx), image('pinned'), 'from the moment it is set')
    await set
    t.match(ledger.pin(nginx), {
      ...image('pinned'),
      note: 'for the trip',
      author: 'ann',
      expiresAtMs: undefined,
    })
    t.equal(ledger.live(nginx)?.digest, image('a').digest, 'a register of its own')
    t.equal(ledger.stats().pins, 1)
    clock.pass(1000 * day)
    t.match(ledger.pin(nginx), image('pinned'))
    await ledger.removePin(nginx, 'bob')
    t.equal(ledger.pin(nginx), undefined)
    t.equal(ledger.stats().pins, 0)
  })

  t.test('a pin replaces the one before it, and a removal of none does nothing', async t => {
    const { ledger } = await openFor(t, open)
    await ledger.removePin(nginx)
    await ledger.setPin(nginx, image('a'), {})
    await ledger.setPin(nginx, image('b'), {})
    t.equal(ledger.pin(nginx)?.digest, image('b').digest)
    await ledger.removePin(nginx)
    await ledger.removePin(nginx)
    t.equal(ledger.pin(nginx), undefined, 'the older one does not come back')
    await ledger.setPin(nginx, image('a'), {})
    t.equal(ledger.pin(nginx)?.digest, image('a').digest)
  })

  t.test('a pin expires in trusted time', async t => {
    const { ledger, clock } = await openFor(t, open)
    await ledger.setPin(nginx, image('a'), { expiresAtMs: today + hour })
    clock.pass(hour - 1)
    t.match(ledger.pin(nginx), { ...image('a'), expiresAtMs: today + hour })
    clock.pass(1)
    t.equal(ledger.pin(nginx), undefined)
    t.equal(ledger.stats().pins, 0)
  })

  t.test('a pinned key is listed and its digest protected', async t => {
    const { ledger } = await openFor(t, open)
    await ledger.setPin(nginx, image('a'), {})
    t.match(ledger.list({ limit: 10 }), [{ key: nginx, live: undefined, pin: image('a') }])
    t.strictSame(ledger.listTags(nginx, undefined, 10), ['latest'])
    await answer(ledger, 'b', { dateMs: today })
    t.strictSame(ledger.liveTargets(), [
      { key: nginx, live: image('b').digest, pinned: image('a').digest, hasEarlier: false },
    ])
    await answer(ledger, 'a', { dateMs: today })
    t.strictSame(ledger.liveTargets(), [
      { key: nginx, live: image('a').digest, pinned: image('a').digest, hasEarlier: true },
    ])
  })
}

/** Everything that is found, stretch by stretch. */
function findAll(ledger: TagLedger, filter: TagFilter, keys: number): string[] {
  const names: string[] = []
  for (let after: string | undefined; ; ) {
    const { rows, until } = ledger.find(filter, after, keys)
    names.push(...rows.map(row => formatTag(row.key)))
    if (until === undefined) return names
    after = until
  }
}

function testLists(t: Test, open: OpenTagLedger): void {
  const keys = [
    keyOf('docker.io', 'library/nginx', '1'),
    keyOf('docker.io', 'library/nginx', '1.0'),
    keyOf('docker.io', 'library/nginx', 'Latest'),
    keyOf('docker.io', 'library/nginx', 'latest'),
    keyOf('docker.io', 'library/nginx-extra', 'latest'),
    keyOf('docker.io', 'library/nginx/sub', 'latest'),
    keyOf('ghcr.io', 'library/nginx', 'latest'),
    keyOf('localhost:5000', 'library/nginx', 'latest'),
  ]
  const inOrder = keys.map(formatTag).sort()

  async function fill(t: Test, isAwaited: boolean) {
    const { ledger } = await openFor(t, open)
    const writes = keys.toReversed().map(key => answer(ledger, 'a', { key, dateMs: today }))
    if (isAwaited) await Promise.all(writes)
    else t.teardown(() => Promise.all(writes))
    return ledger
  }

  for (const isAwaited of [true, false]) {
    const when = isAwaited ? 'once they are durable' : 'before they are durable'

    t.test(`keys are listed in byte order, page by page, ${when}`, async t => {
      const ledger = await fill(t, isAwaited)
      const listed: string[] = []
      for (let after: string | undefined; ; ) {
        const page = ledger.list({ limit: 3, ...(after === undefined ? {} : { after }) })
        listed.push(...page.map(row => formatTag(row.key)))
        after = listed.at(-1)
        if (page.length < 3) break
      }
      t.strictSame(listed, inOrder)
      t.strictSame(ledger.list({ limit: 0 }), [])
    })

    t.test(`tags of one repository are listed in byte order, ${when}`, async t => {
      const ledger = await fill(t, isAwaited)
      t.strictSame(ledger.listTags(nginx, undefined, 10), ['1', '1.0', 'Latest', 'latest'])
      t.strictSame(ledger.listTags(nginx, undefined, 2), ['1', '1.0'])
      t.strictSame(ledger.listTags(nginx, '1.0', 10), ['Latest', 'latest'])
      t.strictSame(ledger.listTags(nginx, 'latest', 10), [])
      t.strictSame(ledger.listTags(nginx, undefined, 0), [])
      t.strictSame(ledger.listTags(keyOf('docker.io', 'library/ngin', ''), undefined, 10), [])
    })

    t.test(`lists can be narrowed to a registry and a repository, ${when}`, async t => {
      const ledger = await fill(t, isAwaited)
      const names = (filter: { registry?: string; repository?: string }) =>
        ledger.list({ ...filter, limit: 100 }).map(row => formatTag(row.key))
      t.strictSame(
        names({ registry: 'docker.io' }),
        inOrder.filter(name => name.startsWith('docker.io/')),
      )
      t.strictSame(
        names({ registry: 'docker.io', repository: 'library/nginx' }),
        inOrder.filter(name => name.startsWith('docker.io/library/nginx:')),
      )
      t.strictSame(
        names({ repository: 'library/nginx' }),
        inOrder.filter(name => name.includes('/library/nginx:')),
      )
      t.strictSame(names({ registry: 'docker.io', repository: 'library' }), [])
    })

    for (const keysAtOnce of [1, 3, 100]) {
      t.test(`tags are found by what is asked for, ${keysAtOnce} at a time, ${when}`, async t => {
        const ledger = await fill(t, isAwaited)
        const find = (filter: TagFilter) => findAll(ledger, filter, keysAtOnce)
        t.strictSame(find({}), inOrder)
        for (const filter of [
          { registry: 'docker.io' },
          { registry: 'docker.io', repository: 'library/nginx' },
          { repository: 'library/nginx' },
        ]) {
          const listed = ledger.list({ ...filter, limit: 100 }).map(row => formatTag(row.key))
          t.strictSame(find(filter), listed)
        }
        for (const prefix of [
          'docker.io/library/nginx',
          'docker.io/library/nginx:1',
          'docker.io/library/nginx:latest',
          'g',
          'docker.io/library/nginy',
          '\u00e9',
        ]) {
          const fitting = inOrder.filter(name => name.startsWith(prefix))
          t.strictSame(find({ prefix }), fitting, prefix)
          const inGhcr = fitting.filter(name => name.startsWith('ghcr.io/'))
          t.strictSame(find({ registry: 'ghcr.io', prefix }), inGhcr)
        }
        for (const contains of ['nginx', 'io/', ':1', 'library/nginx:l', 'nobody']) {
          const fitting = inOrder.filter(name => name.includes(contains))
          t.strictSame(find({ contains }), fitting, contains)
          const inHub = fitting.filter(name => name.startsWith('docker.io/'))
          t.strictSame(find({ registry: 'docker.io', contains }), inHub)
          const inNginx = fitting.filter(name => name.includes('/library/nginx:'))
          t.strictSame(find({ repository: 'library/nginx', contains }), inNginx)
        }
      })
    }
  }

  for (const isAwaited of [true, false]) {
    const when = isAwaited ? 'once they are durable' : 'before they are durable'

    t.test(`tags are found by their source, age and content, ${when}`, async t => {
      const { ledger, clock } = await openFor(t, open)
      const tag = (name: string) => keyOf('reg.lab', 'app', name)
      const names = (filter: TagFilter) =>
        [1, 2, 100].map(keys =>
          findAll(ledger, filter, keys).map(name => name.replace('reg.lab/app:', '')),
        )
      const thrice = (...found: string[]) => [found, found, found]
      const writes = [
        answer(ledger, 'a', { key: tag('moved'), dateMs: today }),
        answer(ledger, 'a', { key: tag('old'), dateMs: today }),
        ledger.observeLocal(tag('found'), image('a'), 'containerd'),
        ledger.observeLocal(tag('imported'), image('b'), 'import'),
        ledger.setPin(tag('pinned'), image('c'), {}),
      ]
      if (isAwaited) await Promise.all(writes)
      clock.pass(hour)
      writes.push(
        answer(ledger, 'b', { key: tag('moved'), dateMs: today + hour }),
        answer(ledger, 'a', { key: tag('pinned-anew'), dateMs: today + hour }),
        ledger.setPin(tag('pinned-anew'), image('c'), {}),
        ledger.observeLocal(tag('imported-late'), image('a'), 'import'),
      )
      if (isAwaited) await Promise.all(writes)
      else t.teardown(() => Promise.all(writes))

      t.strictSame(names({ source: 'import' }), thrice('imported', 'imported-late'))
      t.strictSame(names({ source: 'containerd' }), thrice('found'))
      t.strictSame(names({ source: 'push' }), thrice())
      t.strictSame(names({ source: 'upstream' }), thrice('moved', 'old', 'pinned-anew'))
      const confirmedBeforeMs = today + hour
      t.strictSame(names({ confirmedBeforeMs }), thrice('found', 'imported', 'old'))
      t.strictSame(names({ confirmedBeforeMs, source: 'upstream' }), thrice('old'))
      t.strictSame(names({ confirmedBeforeMs: today }), thrice())
      const is = (name: string) => ({ isWanted: (d: Digest) => d === image(name).digest })
      t.strictSame(names(is('a')), thrice('found', 'imported-late', 'old'))
      t.strictSame(names(is('b')), thrice('imported', 'moved'))
      t.strictSame(names(is('c')), thrice('pinned', 'pinned-anew'))
      t.strictSame(names({ ...is('a'), source: 'import' }), thrice('imported-late'))
      t.strictSame(ledger.find({}, undefined, 100).rows, ledger.list({ limit: 100 }))
      const moved = ledger.liveTargets().filter(({ hasEarlier }) => hasEarlier)
      t.strictSame(
        moved.map(({ key }) => key.tag),
        ['moved'],
      )
    })
  }

  t.test('what is looked through at once ends at a key, from which it goes on', async t => {
    const ledger = await fill(t, true)
    const none = { isWanted: () => false }
    t.strictSame(ledger.find(none, undefined, 3), { rows: [], until: inOrder[2] })
    t.strictSame(ledger.find(none, inOrder[3], 3), { rows: [], until: inOrder[6] })
    t.strictSame(ledger.find(none, inOrder[6], 3), { rows: [], until: undefined })
  })

  t.test('protected digests are those of every key that is known', async t => {
    const ledger = await fill(t, true)
    const found = ledger.liveTargets().map(({ key, live }) => [formatTag(key), live])
    t.strictSame(
      found,
      inOrder.map(name => [name, image('a').digest]),
    )
  })

  t.test('protected digests can be had page by page, pending ones included', async t => {
    const ledger = await fill(t, false)
    const names: string[] = []
    for (let after: string | undefined; ; after = names.at(-1)) {
      const page = ledger.liveTargets({ after, limit: 2 })
      if (page.length === 0) break
      names.push(...page.map(({ key }) => formatTag(key)))
    }
    t.strictSame(names, inOrder)
  })

  for (const isAwaited of [true, false]) {
    const when = isAwaited ? 'once they are durable' : 'before they are durable'

    t.test(`protected digests are those of one beginning, ${when}`, async t => {
      const ledger = await fill(t, isAwaited)
      const names = (beginning: string, after?: string) =>
        ledger.liveTargets({ beginning, after }).map(({ key }) => formatTag(key))
      for (const beginning of ['docker.io/library/nginx:', 'ghcr.io/', 'localhost', 'x', '']) {
        const fitting = inOrder.filter(name => name.startsWith(beginning))
        t.strictSame(names(beginning), fitting, beginning)
        t.strictSame(
          names(beginning, inOrder[1]),
          fitting.filter(name => name > (inOrder[1] ?? '')),
        )
      }
    })

    t.test(`names of pinned tags are told, ${when}`, async t => {
      const ledger = await fill(t, true)
      const pinned = ledger.setPin(nginx, image('b'), {})
      if (isAwaited) await pinned
      else t.teardown(() => pinned)
      t.strictSame(ledger.pinnedNames(), [formatTag(nginx)])
      t.equal(await ledger.countTags(), keys.length)
    })
  }
}
