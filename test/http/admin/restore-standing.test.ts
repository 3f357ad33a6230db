import t from 'tap'
import { pinEntry as readPinEntry } from '../../../src/http/admin/backup-entries.ts'
import { Refusal } from '../../../src/keep/operator-word.ts'
import type { Pins } from '../../../src/keep/pins.ts'
import type { AuditEntry } from '../../../src/ports/audit-log.ts'
import type { PinState } from '../../../src/ports/pin-book.ts'
import { manifestType } from '../support.ts'
import {
  bookOf,
  listen,
  nothing,
  other,
  outcomes,
  path,
  pinEntry,
  pinned,
  post,
  stored,
} from './backup-support.ts'
import { nowMs, startAdmin } from './support.ts'

const document = { ...nothing, pins: [pinEntry] }
const elsewhere = { digest: other, mediaType: manifestType, size: 7 }

/** Looks again at what stands before it sets a pin, as pins do. */
const setOver =
  (standing: PinState): Pins['set'] =>
  async (_key, _wish, { check }) => {
    check(standing)
    return {
      before: standing,
      after: pinned(),
      stored,
      isComplete: true,
      isFetching: false,
      skipped: [],
    }
  }

t.test('what somebody says while an entry is restored stays, unless it is replaced', async t => {
  const { set } = listen()
  const noted: Omit<AuditEntry, 'atMs'>[] = []
  const meanwhile = pinned({ target: elsewhere })
  const { ask } = await startAdmin(t, {
    pinBook: bookOf(undefined),
    pins: { set: setOver(meanwhile), remove: set },
    clusterMode: {
      standing: () => undefined,
      async set(_, { check }) {
        check({ mode: 'online', by: 'b', atMs: nowMs, untilMs: undefined, origin: 'ab', note: '' })
        return set() as never
      },
      lift: set,
    },
    audit: { note: async entry => void noted.push(entry), find: () => [] },
  })
  const both = { ...document, mode: { mode: 'offline' } }
  const { body } = await ask(path, post(both))
  t.strictSame(outcomes(body), ['pin left', 'mode left'])
  t.match(body, { items: [{ reason: 'somebody said something else of it meanwhile' }, {}] })
  t.match(noted[0], { subject: pinEntry.reference, status: 412 })
  const replaced = await ask(`${path}?replace=true`, post(both))
  t.strictSame(outcomes(replaced.body), ['pin changed', 'mode changed'])
  const before = readPinEntry(meanwhile)
  t.match(noted[3], { status: 200, before, after: pinEntry }, 'noted with what it replaced')
})

t.test('a pin to the same digest with another end is another pin', async t => {
  const { heard, set } = listen()
  const expiresAt = '2026-11-22T00:00:00.000Z'
  const ending = { ...pinEntry, expiresAt }
  for (const [standing, wanted, same, reason] of [
    [
      Date.parse(expiresAt),
      pinEntry,
      { ...ending, expiresAt: '2026-11-22T00:00:00Z' },
      `it is pinned to this digest until ${expiresAt}`,
    ],
    [undefined, ending, pinEntry, 'it is pinned to this digest without an end'],
  ] as const) {
    const { ask } = await startAdmin(t, {
      pinBook: bookOf(pinned({ expiresAtMs: standing })),
      pins: { set, remove: set },
    })
    const wants = post({ ...nothing, pins: [wanted] })
    t.match((await ask(path, wants)).body, { items: [{ outcome: 'left', reason }] })
    t.equal(heard.length, 0)
    t.strictSame(outcomes((await ask(`${path}?replace=true`, wants)).body), ['pin changed'])
    t.equal(heard.splice(0).length, 1)
    const again = await ask(path, post({ ...nothing, pins: [same] }))
    t.strictSame(outcomes(again.body), ['pin unchanged'])
  }
})

t.test('a pin on a digest that the backup itself blocks is said as it was', async t => {
  const { heard, set } = listen()
  const { ask } = await startAdmin(t, {
    pinBook: { ...bookOf(undefined), isBlocked: () => true },
    pins: { set, remove: set },
    exclusions: { find: () => undefined, set, lift: set },
  })
  const alone = await ask(path, post(document))
  t.strictSame(outcomes(alone.body), ['pin refused'], 'the block was said since')
  t.strictSame(heard, [])
  const { body } = await ask(path, post({ ...document, blocks: [{ key: pinEntry.digest }] }))
  t.strictSame(outcomes(body), ['block changed', 'pin changed'])
  t.match(heard[1], [{}, { to: pinEntry.digest, allowBlocked: true }])
})

t.test('of two entries for one tag the second is refused, also in a dry run', async t => {
  const { heard, set } = listen()
  const { ask } = await startAdmin(t, {
    pinBook: bookOf(undefined),
    pins: { set, remove: set },
  })
  const pins = ['nginx', 'docker.io/library/nginx:latest', 'nginx:1'].map(reference => ({
    ...pinEntry,
    reference,
  }))
  const both = { ...nothing, pins }
  const tried = await ask(`${path}?dryRun=true&replace=true`, post(both))
  t.strictSame(outcomes(tried.body), ['pin would-change', 'pin refused', 'pin would-change'])
  const { body } = await ask(`${path}?from=1`, post(both))
  t.match(body, { items: [{ outcome: 'refused', reason: /keep one of them$/ }, {}] })
  t.equal(heard.length, 1)
})

t.test('a dry run tells of a schedule what would be refused', async t => {
  const { heard, set } = listen()
  const { ask } = await startAdmin(t, {
    warmSchedules: {
      list: () => [],
      find: () => undefined,
      put: set,
      tryOut(name) {
        if (name === 'never') throw new Refusal('no-times', '"nonsense" says no times')
      },
      remove: set,
    },
  })
  const usual = { images: ['nginx'], every: '@daily', timeZone: 'UTC', jitterSeconds: 0 }
  const schedules = [
    { ...usual, name: 'good', concurrency: 3, referrers: false },
    { ...usual, name: 'ghost', nodes: ['ghost'], concurrency: 3, referrers: false },
    { ...usual, name: 'never', every: 'nonsense', concurrency: 3, referrers: false },
  ]
  const { body } = await ask(`${path}?dryRun=true`, post({ ...nothing, schedules }))
  t.match(body, {
    items: [
      { outcome: 'would-change' },
      { outcome: 'refused', reason: /ghost/ },
      { outcome: 'refused', reason: /says no times/ },
    ],
  })
  t.strictSame(heard, [])
})
