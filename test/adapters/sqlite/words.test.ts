import t from 'tap'
import { operatorRecord } from '../../../src/ledger/own-record.ts'
import { maxValueBytes } from '../../../src/ledger/record.ts'
import { answer, day, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makePeer } from '../../support/signing-node.ts'
import { makeDirectory, openIn } from './support.ts'

t.test('a word carries a value, each kind by itself, and outlives a restart', async t => {
  const dataDir = await makeDirectory(t)
  const clock = createMovableClock(today)
  const first = await openIn(t, dataDir, { clock })
  const value = 'x'.repeat(maxValueBytes)
  let changes = 0
  first.warmWords.onChange(() => {
    changes += 1
  })
  await first.warmWords.set('job-1', { note: 'n', author: 'a', value })
  await first.settingWords.set('job-1', { value: 'other' })
  t.equal(changes, 1, 'a change of one kind is none of another')
  const { origin } = first.identity
  const said = { key: 'job-1', atMs: today, origin, note: 'n', author: 'a', value }
  t.strictSame(first.warmWords.list(), [said])
  t.equal(first.warmWords.list(), first.warmWords.list(), 'the same list while nothing changed')
  await first.close()
  const { warmWords, settingWords } = await openIn(t, dataDir, { clock })
  t.strictSame(warmWords.list(), [said])
  t.match(settingWords.list(), [{ value: 'other' }])
  await warmWords.lift('job-1', 'b')
  t.strictSame(warmWords.list(), [])
})

t.test('what did not change is the same word in the next list', async t => {
  const { warmWords } = await openIn(t, await makeDirectory(t))
  for (const key of ['job-1', 'job-2', 'job-3']) await warmWords.set(key, { value: 'v' })
  const [first, second] = warmWords.list()
  await warmWords.set('job-2', { value: 'w' })
  await warmWords.lift('job-3', undefined)
  const [firstAgain, secondAgain, ...others] = warmWords.list()
  t.equal(firstAgain, first)
  t.match([second, secondAgain], [{ value: 'v' }, { value: 'w' }])
  t.strictSame(others, [])
  await warmWords.set('job-3', { value: 'x' })
  t.match(warmWords.list()[2], { value: 'x' }, 'said anew after it was lifted')
})

t.test("of shares each node's own counts, also where it is no operator", async t => {
  const { shareWords, warmWords, records, replication, identity } = await openIn(
    t,
    await makeDirectory(t),
  )
  replication.setOperators([])
  const other = makePeer()
  const stamp = { wallMs: today, counter: 0 }
  const word = (kind: 'share' | 'warm', key: string) =>
    other.sign(operatorRecord(kind, key, undefined, other.origin, stamp, false, { value: 'far' }))
  t.strictSame(await records.apply([word('share', `job/${other.origin}`)]), ['applied'])
  t.strictSame(await records.apply([word('warm', 'job')]), ['no-operator'])
  t.strictSame(warmWords.list(), [])
  await shareWords.set(`job/${identity.origin}`, { value: 'near' })
  t.match(new Set(shareWords.list().map(({ value }) => value)), new Set(['near', 'far']))
})

t.test('what its pods run each node says of itself alone, until it is banned', async t => {
  const { runningWords, exclusions, records, replication } = await openIn(t, await makeDirectory(t))
  replication.setOperators([])
  const [honest, liar] = [makePeer(), makePeer()]
  const stamp = { wallMs: today, counter: 0 }
  const word = (by: typeof liar, key: string, value: string) =>
    by.sign(operatorRecord('running', key, undefined, by.origin, stamp, false, { value }))
  const said = [word(honest, honest.origin, 'a.lan/web:1'), word(liar, liar.origin, 'a.lan/lie:1')]
  t.strictSame(await records.apply(said), ['applied', 'applied'])
  t.strictSame(await records.apply([word(liar, honest.origin, 'a.lan/lie:2')]), ['malformed'])
  const values = () => runningWords.list().map(({ value }) => value)
  t.strictSame(new Set(values()), new Set(['a.lan/web:1', 'a.lan/lie:1']))
  let changes = 0
  runningWords.onChange(() => {
    changes += 1
  })
  replication.setOperators(undefined)
  await exclusions.set('ban', liar.origin, { note: undefined, author: undefined })
  t.strictSame(values(), ['a.lan/web:1'])
  t.equal(changes, 1)
})

t.test(
  'old shares and what pods ran long ago are forgotten and not taken back; jobs stay',
  async t => {
    const clock = createMovableClock(today)
    const opened = await openIn(t, await makeDirectory(t), { clock })
    const { ledger, shareWords, runningWords, warmWords, records, identity } = opened
    await answer(ledger, 'a', { dateMs: today })
    await ledger.ageOut()
    await warmWords.set('job', { value: 'v' })
    await shareWords.set(`job/${identity.origin}`, { value: 'near' })
    await runningWords.set(identity.origin, { value: 'a.lan/web:1' })
    const other = makePeer()
    const stamp = { wallMs: today, counter: 0 }
    const key = `job/${other.origin}`
    const word = operatorRecord('share', key, undefined, other.origin, stamp, false, {})
    for (let i = 0; i < 95; i++) {
      clock.pass(day)
      await ledger.ageOut()
    }
    t.strictSame(shareWords.list(), [])
    t.strictSame(runningWords.list(), [])
    t.equal(records.count(), 1, 'the job alone')
    t.strictSame(await records.apply([other.sign(word)]), ['too-old'])
    t.match(warmWords.list(), [{ key: 'job' }])
  },
)
