import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { createLedgerRoots, eachTarget } from '../../src/daemon/ledger-roots.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { formatTag, type TagReference } from '../../src/oci/reference.ts'
import type { LiveTarget, Observation, TagLedger } from '../../src/ports/tag-ledger.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const day = 24 * 3_600_000
const now = 100 * day
const keyOf = (tag: string): TagReference => ({ registry: 'docker.io', repository: 'app', tag })
const d = (name: string) => digestOf(Buffer.from(name))

function seen(name: string, firstSeenMs: number): Observation {
  return {
    digest: d(name),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 1,
    stamp: { wallMs: firstSeenMs, counter: 0 },
    source: 'upstream',
    origin: '00',
    confirmedAtMs: firstSeenMs,
    firstSeenMs,
    lastSeenMs: firstSeenMs,
  }
}

type TargetPage = NonNullable<Parameters<TagLedger['liveTargets']>[0]>

/** A ledger of so many tags; `histories` by tag, newest first. */
function ledgerOf(histories: Readonly<Record<string, readonly Observation[]>>, pins = new Map()) {
  const targets: LiveTarget[] = Object.entries(histories)
    .map(([tag, [live, ...earlier]]) => ({
      key: keyOf(tag),
      live: live?.digest,
      pinned: pins.get(tag),
      hasEarlier: earlier.length > 0,
    }))
    .sort((a, b) => (formatTag(a.key) < formatTag(b.key) ? -1 : 1))
  let pages = 0
  const asked: string[] = []
  return {
    pages: () => pages,
    /** Tags whose history was asked for. */
    asked,
    liveTargets({ beginning = '', after = '', limit = Number.POSITIVE_INFINITY }: TargetPage = {}) {
      pages += 1
      return targets
        .filter(({ key }) => formatTag(key).startsWith(beginning) && formatTag(key) > after)
        .slice(0, limit)
    },
    history({ tag }: TagReference) {
      asked.push(tag)
      return histories[tag] ?? []
    },
    trustedNowMs: () => now,
  }
}

const nothingRuns = { isHere: () => false, digestsHere: () => new Set<never>(), byDigest: () => [] }
const keepsOf = (isKept: (key: TagReference) => boolean) => ({ isKept, onChange: () => () => {} })

t.test('pins and kept tags are roots, with all that a kept tag ever was', async t => {
  const histories = { keep: [seen('b', now), seen('a', 1)], other: [seen('c', now)] }
  const roots = createLedgerRoots({
    ledger: ledgerOf(histories, new Map([['other', d('pin')]])),
    isComplete: () => true,
    keeps: keepsOf(({ tag }) => tag === 'keep'),
    running: nothingRuns,
    clock: createMovableClock(now),
  })
  t.strictSame(await roots(), {
    kept: [d('b'), d('a'), d('pin')],
    images: [
      { repository: keyOf('keep'), digest: d('b'), isHere: false },
      { repository: keyOf('other'), digest: d('pin'), isHere: false },
    ],
    onTheMove: [],
  })
})

t.test('what pods run is kept: by its tag, by its digest, and what they are made from', async t => {
  const named = { repository: keyOf('any'), digest: d('named') }
  const roots = createLedgerRoots({
    ledger: ledgerOf({ runs: [seen('b', now), seen('a', 1)], other: [seen('c', now)] }),
    isComplete: () => true,
    keeps: keepsOf(({ tag }) => tag === 'runs'),
    running: {
      isHere: ({ tag }) => tag === 'runs',
      digestsHere: () => new Set([d('a')]),
      byDigest: () => [named],
    },
    clock: createMovableClock(now),
  })
  const { kept, images } = await roots()
  t.strictSame(new Set(kept), new Set([d('a'), d('b'), d('named')]))
  t.strictSame(images, [
    { ...named, isHere: false },
    { repository: keyOf('runs'), digest: d('b'), isHere: true },
  ])
})

t.test('only a tag that stood for several digests is asked for its history', async t => {
  const ledger = ledgerOf({
    keep: [seen('b', now)],
    'keep moved': [seen('c', now), seen('a', 1)],
    moved: [seen('new', now), seen('old', 1)],
    other: [seen('d', now)],
  })
  const roots = createLedgerRoots({
    ledger,
    isComplete: digest => digest === d('old'),
    keeps: keepsOf(({ tag }) => tag.startsWith('keep')),
    running: nothingRuns,
    clock: createMovableClock(now),
  })
  const { kept, onTheMove } = await roots()
  t.strictSame(kept, [d('b'), d('c'), d('a')])
  t.strictSame(onTheMove, [[d('new'), d('old')]])
  t.strictSame(ledger.asked, ['keep moved', 'moved'])
})

t.test('a tag that moved lately and is not complete keeps its earlier image', async t => {
  const held = new Set([d('old')])
  const roots = createLedgerRoots({
    ledger: ledgerOf({
      complete: [seen('old', now)],
      lately: [seen('new', now - day), seen('old', 1)],
      'long ago': [seen('newer', now - 8 * day), seen('old', 1)],
      nothing: [seen('none', now), seen('neither', 1)],
    }),
    isComplete: digest => held.has(digest),
    keeps: keepsOf(() => false),
    running: nothingRuns,
    clock: createMovableClock(now),
  })
  t.strictSame(await roots(), { kept: [], images: [], onTheMove: [[d('new'), d('old')]] })
})

t.test('a large ledger is walked in pieces, between which others have their turn', async t => {
  const tags = Array.from({ length: 1_000 }, (_, i) => [`t${i}`, [seen('x', now)]] as const)
  const ledger = ledgerOf(Object.fromEntries(tags))
  const roots = createLedgerRoots({
    ledger,
    isComplete: () => true,
    keeps: keepsOf(() => true),
    running: nothingRuns,
    clock: createMovableClock(now),
  })
  let turns = 0
  const walking = roots()
  const seenPages = new Set<number>()
  while (ledger.pages() <= 5 && turns < 100) {
    seenPages.add(ledger.pages())
    turns += 1
    await nextTurn()
  }
  t.equal((await walking).kept.length, 1_000)
  t.ok(seenPages.size >= 5, `${seenPages.size} pages were seen from outside`)
})

t.test('a walk is believed in proportion to what it cost', async t => {
  const clock = createMovableClock(now)
  let walks = 0
  const ledger = {
    ...ledgerOf({ a: [seen('a', now)] }),
    trustedNowMs() {
      walks += 1
      clock.pass(10)
      return now
    },
  }
  const roots = createLedgerRoots({
    ledger,
    isComplete: () => true,
    keeps: keepsOf(() => true),
    running: nothingRuns,
    clock,
  })
  const first = await roots()
  clock.pass(199)
  t.equal(await roots(), first)
  clock.pass(1)
  t.not(await roots(), first)
  t.equal(walks, 2)
})

t.test('a walk is no longer believed once what is kept changed, be it in the middle', async t => {
  const clock = createMovableClock(now)
  let tell = () => {}
  let kept = 'a'
  const roots = createLedgerRoots({
    ledger: {
      ...ledgerOf({ a: [seen('a', now)], b: [seen('b', now)] }),
      trustedNowMs() {
        clock.pass(1_000)
        return now
      },
    },
    isComplete: () => true,
    keeps: {
      isKept: ({ tag }) => tag === kept,
      onChange(listener) {
        tell = listener
        return () => {}
      },
    },
    running: nothingRuns,
    clock,
  })
  t.strictSame((await roots()).kept, [d('a')])
  kept = 'b'
  tell()
  t.strictSame((await roots()).kept, [d('b')])
  clock.pass(20_000)
  const walking = roots()
  kept = 'a'
  tell()
  await walking
  t.strictSame((await roots()).kept, [d('a')])
})

t.test('what begins otherwise is not walked, and nothing is walked twice', async t => {
  const tags = ['a1', 'a2', 'b', 'c', ...Array.from({ length: 120 }, (_, i) => `d${1_000 + i}`)]
  const ledger = ledgerOf(Object.fromEntries(tags.map(tag => [tag, [seen(tag, now)]])))
  const named = (beginning: string) => `docker.io/app:${beginning}`
  const found = async (...beginnings: readonly string[]) => {
    const names: string[] = []
    for await (const { key } of eachTarget(ledger, beginnings)) names.push(key.tag)
    return names
  }
  t.strictSame(await found(named('c'), named('a'), named('a2'), named('a')), ['a1', 'a2', 'c'])
  t.equal(ledger.pages(), 2)
  t.strictSame(await found(named('d'), named('d1100')), tags.slice(4))
  t.strictSame(await found(), [])
})
