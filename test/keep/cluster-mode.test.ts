import t from 'tap'
import {
  createClusterMode,
  readClusterMode,
  watchClusterMode,
} from '../../src/keep/cluster-mode.ts'
import type { ClusterModeState } from '../../src/keep/mode-switch.ts'
import { Refusal } from '../../src/keep/operator-word.ts'
import type { SaidWord, WordBook } from '../../src/ports/word-book.ts'
import { keepLog } from '../http/support.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const startMs = Date.parse('2026-11-21T12:00:00Z')
const hourMs = 3_600_000

/** A node that is asked, over a register in memory. */
function cluster({ isOperator = true } = {}) {
  const clock = createMovableClock(startMs)
  const listeners = new Set<() => void>()
  let words: readonly SaidWord[] = []
  /** As gossip brings it. */
  function hear(word: Partial<SaidWord> | undefined): void {
    const base = { key: 'mode', atMs: clock.wallMs(), origin: 'aa', note: undefined }
    words = word === undefined ? [] : [{ ...base, author: undefined, value: undefined, ...word }]
    for (const listener of listeners) listener()
  }
  const book: WordBook = {
    list: () => words,
    async set(key, details) {
      await Promise.resolve() // as a commit
      hear({ key, ...details })
    },
    async lift() {
      await Promise.resolve()
      hear(undefined)
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  const asked: unknown[] = []
  const standing = readClusterMode(book, { clock, nowMs: clock.wallMs })
  const mode = createClusterMode({
    book,
    standing,
    nowMs: clock.wallMs,
    isOperator: () => isOperator,
    async storeOnOthers(key, copies) {
      asked.push([key, copies])
      return { nodes: copies, members: 3, away: 0 }
    },
  })
  return { clock, book, mode, hear, asked, standing }
}

const terms = (check: (standing: ClusterModeState | undefined) => void = () => {}) => ({
  copies: 2,
  signal: AbortSignal.any([]),
  check,
})
const wish = { mode: 'offline', by: 'captain', note: 'voyage', forMs: undefined } as const

t.test('the same said again without an end changes nothing', async t => {
  const { clock, mode } = cluster()
  const first = await mode.set(wish, terms())
  clock.pass(hourMs)
  t.strictSame(await mode.set(wish, terms()), { ...first, before: first.after })
  const other = await mode.set({ ...wish, note: 'port' }, terms())
  t.match(other, { before: first.after, after: { note: 'port', atMs: startMs + hourMs } })
  const ending = await mode.set({ ...wish, note: 'port', forMs: hourMs }, terms())
  t.match(ending.after, { untilMs: startMs + 2 * hourMs })
  t.match((await mode.set({ ...wish, note: 'port' }, terms())).after, { untilMs: undefined })
})

t.test('a mode is set for all nodes, and lifted', async t => {
  const { mode, asked } = cluster()
  t.equal(mode.standing(), undefined)
  const set = await mode.set(wish, terms())
  t.match(set, {
    before: undefined,
    after: { mode: 'offline', by: 'captain', note: 'voyage', atMs: startMs, untilMs: undefined },
    stored: { nodes: 2, members: 3, away: 0 },
  })
  t.strictSame(mode.standing(), set.after)
  const lifted = await mode.lift('cook', terms())
  t.match(lifted, { before: { mode: 'offline' }, after: undefined })
  t.equal(mode.standing(), undefined)
  t.strictSame(asked, [
    ['mode', 2],
    ['mode', 2],
  ])
})

t.test('it ends in trusted time', async t => {
  const { mode, clock } = cluster()
  await mode.set({ ...wish, forMs: hourMs }, terms())
  t.equal(mode.standing()?.untilMs, startMs + hourMs)
  clock.pass(hourMs - 1)
  t.equal(mode.standing()?.mode, 'offline')
  clock.pass(1)
  t.equal(mode.standing(), undefined)
})

t.test('a node that does not know the time lets it end after as long as it was to be', async t => {
  const { clock, hear, standing } = cluster()
  clock.setWall(0)
  hear({ value: JSON.stringify({ mode: 'offline', forMs: hourMs, untilMs: startMs + hourMs }) })
  t.equal(standing()?.mode, 'offline')
  clock.pass(hourMs - 1)
  t.equal(standing()?.mode, 'offline')
  clock.pass(1)
  t.equal(standing(), undefined)
})

t.test('what a later version wrote counts as nothing', async t => {
  const { hear, standing } = cluster()
  for (const value of [undefined, '', '{', '[]', 'null', '{"mode":"dreaming"}', '{"mode":5}']) {
    hear({ value })
    t.equal(standing(), undefined, String(value))
  }
  hear({ value: '{"mode":"online","forMs":"long","untilMs":null,"more":1}' })
  t.match(standing(), { mode: 'online', by: 'somebody', untilMs: undefined })
  hear({ key: 'another', value: '{"mode":"online"}' })
  t.equal(standing(), undefined)
})

t.test('of those who saw the same, one has it done', async t => {
  const { mode } = cluster()
  const unset = (now: ClusterModeState | undefined) => {
    if (now !== undefined) throw new Refusal('changed', 'it changed')
  }
  const outcomes = await Promise.allSettled(
    ['a', 'b', 'c'].map(by => mode.set({ ...wish, by }, terms(unset))),
  )
  t.strictSame(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected'],
  )
  t.equal(mode.standing()?.by, 'a')
})

t.test('a node whose operators do not count sets nothing', async t => {
  const { mode, asked } = cluster({ isOperator: false })
  await t.rejects(mode.set(wish, terms()), { code: 'no-operator' })
  t.equal(mode.standing(), undefined)
  t.strictSame(asked, [])
})

t.test('the log tells what was set for all, at the start and when it changes', async t => {
  const { book, standing, hear } = cluster()
  hear({ author: 'captain', value: '{"mode":"offline"}' })
  const { log, lines } = keepLog()
  const stop = watchClusterMode(book, { standing, log })
  t.match(lines, [{ level: 'warn', fields: { mode: 'offline', by: 'captain' } }])
  await book.lift('mode', undefined)
  t.match(lines.slice(1), [{ level: 'info', fields: { was: 'offline' } }])
  stop()
  hear({ value: '{"mode":"online"}' })
  t.equal(lines.length, 2)
})
