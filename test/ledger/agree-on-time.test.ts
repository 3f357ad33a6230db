import t from 'tap'
import { agreeOnTime } from '../../src/ledger/agree-on-time.ts'

const today = Date.UTC(2026, 5, 1)
const minute = 60_000
const tenYears = 3652 * 86_400_000

const all = (...anchors: number[]) => anchors.map(anchorMs => ({ anchorMs, isVerified: false }))
const verified = (...anchors: number[]) => anchors.map(anchorMs => ({ anchorMs, isVerified: true }))

t.test('three others that agree set a clock right, whichever way it is wrong', async t => {
  for (const own of [today + tenYears, 0, today - 6 * minute]) {
    t.equal(agreeOnTime(all(today, today + 1_000, today - 1_000), own), today)
  }
})

t.test('two others never move a clock, and one never confirms it', async t => {
  t.equal(agreeOnTime(all(today, today), today + tenYears), undefined)
  t.equal(agreeOnTime(all(today), today), undefined, 'two nodes cannot decide')
  t.equal(agreeOnTime([], today), undefined)
})

t.test('a clock that two others confirm is known to be right', async t => {
  t.equal(agreeOnTime(all(today, today + 2_000), today), today)
  t.equal(agreeOnTime(all(today, today, today + tenYears), today), today, 'against one')
  t.equal(agreeOnTime(all(today, today + tenYears, today + tenYears), today), undefined)
})

t.test('a clock that is close to the others is left as it is', async t => {
  t.equal(agreeOnTime(all(today, today, today), today + 20_000), today + 20_000)
  t.equal(agreeOnTime(all(today, today, today), today + 40_000), today)
})

t.test('without a majority nobody decides', async t => {
  const [a, b] = [today, today + tenYears]
  t.equal(agreeOnTime(all(a, a, a, b, b, b), 0), undefined)
  t.equal(agreeOnTime(all(a, a, a, b, b), 0), undefined, '3 of 6')
  t.equal(agreeOnTime(all(a, a, a, a, b, b), 0), a)
})

t.test('those whom a registry told the time are heard before the crowd', async t => {
  const crowd = all(...Array(20).fill(today + tenYears))
  t.equal(agreeOnTime([...crowd, ...verified(today, today, today)], today + tenYears), today)
  t.equal(agreeOnTime([...crowd, ...verified(today, today)], today), today, 'and this one')
  t.equal(
    agreeOnTime([...crowd, ...verified(today, today)], 0),
    today + tenYears,
    'two alone are not enough',
  )
})
