import t from 'tap'
import { isRecurrenceFault, parseRecurrence } from '../../src/config/recurrence.ts'

function read(text: string, timeZone?: string) {
  const parsed = parseRecurrence(text, timeZone)
  if (isRecurrenceFault(parsed)) throw new Error(`${text} ${parsed.problem}`)
  const tell = (ms: number | undefined) => ms && new Date(ms).toISOString()
  return {
    after: (at: string) => tell(parsed.after(Date.parse(at))),
    until: (at: string) => tell(parsed.until(Date.parse(at))),
    at: parsed,
  }
}

t.test('the next time and the last one are told, in UTC unless a zone is named', async t => {
  const daily = read('0 3 * * *')
  t.equal(daily.after('2026-11-29T02:59:59.999Z'), '2026-11-29T03:00:00.000Z')
  t.equal(daily.after('2026-11-29T03:00:00Z'), '2026-11-30T03:00:00.000Z')
  t.equal(daily.until('2026-11-29T03:00:00Z'), '2026-11-29T03:00:00.000Z', 'the very moment')
  t.equal(daily.until('2026-11-29T02:59:59.999Z'), '2026-11-28T03:00:00.000Z')
  t.equal(
    read('0 3 * * *', 'Asia/Kathmandu').after('2026-11-28T12:00:00Z'),
    '2026-11-28T21:15:00.000Z',
  )
  t.equal(read(' @daily ').after('2026-11-29T03:00:00Z'), '2026-11-30T00:00:00.000Z')
  t.equal(read('0 4 * * mon-fri').after('2026-11-29T03:00:00Z'), '2026-11-30T04:00:00.000Z')
})

t.test('a sixth field in front is seconds', async t => {
  const often = read('*/5 * * * * *')
  t.equal(often.after('2026-11-29T03:00:00.001Z'), '2026-11-29T03:00:05.000Z')
  t.equal(often.until('2026-11-29T03:00:09.999Z'), '2026-11-29T03:00:05.000Z')
})

t.test('clocks of any year are borne', async t => {
  const daily = read('0 3 * * *')
  t.equal(daily.until('1970-01-01T00:00:05Z'), '1969-12-31T03:00:00.000Z')
  t.equal(daily.after('1970-01-01T00:00:05Z'), '1970-01-01T03:00:00.000Z')
  t.equal(daily.until('2099-06-01T12:00:00Z'), '2099-06-01T03:00:00.000Z')
  const leapDay = read('0 0 29 2 *')
  t.equal(leapDay.until('2027-12-31T00:00:00Z'), '2024-02-29T00:00:00.000Z')
  t.equal(leapDay.after('2096-12-31T00:00:00Z'), '2104-02-29T00:00:00.000Z', '2100 has none')
})

t.test('a night in which the clocks change has each time once', async t => {
  const night = read('30 2 * * *', 'Europe/Berlin')
  t.equal(night.after('2026-03-28T12:00:00Z'), '2026-03-29T01:00:00.000Z', 'there is no 2:30')
  t.equal(night.after('2026-03-29T01:00:00Z'), '2026-03-30T00:30:00.000Z')
  t.equal(night.after('2026-10-24T12:00:00Z'), '2026-10-25T00:30:00.000Z', 'the first of two')
  t.equal(night.after('2026-10-25T00:30:00Z'), '2026-10-26T01:30:00.000Z')
  t.equal(night.until('2026-10-25T12:00:00Z'), '2026-10-25T00:30:00.000Z')
  t.equal(night.until('2026-03-29T12:00:00Z'), '2026-03-29T01:00:00.000Z')
})

t.test('the last time before a moment is the one from which that moment is the next', async t => {
  for (const text of ['*/7 * * * *', '13 */5 * * 1', '0 0 1 */2 *', '*/9 59 * * * *']) {
    const { at } = read(text, 'Europe/Lisbon')
    let ms: number | undefined = Date.parse('2026-03-27T00:00:00Z')
    for (let i = 0; i < 300 && ms !== undefined; i += 1) {
      const next: number | undefined = at.after(ms)
      if (next === undefined) break
      t.equal(at.until(next), next, text)
      t.ok((at.until(next - 1) ?? 0) <= ms, text)
      ms = next
    }
  }
})

t.test('what says no time, or not the same one on each node, is refused', async t => {
  const refused = {
    hello: /no cron expression/,
    '': /no cron expression/,
    '* * * *': /no cron expression/,
    '61 * * * *': /no cron expression: .*minute/,
    '@reboot': /no cron expression/,
    '2026-12-01T00:00:00': /no cron expression/,
    '0 0 30 2 *': /never comes/,
    '0 0 31 4 *': /never comes/,
    '? 3 * * *': /something else on each node/,
    '0 0 1 1 * 2030': /no cron expression/,
  }
  for (const [text, problem] of Object.entries(refused)) {
    t.match(parseRecurrence(text), { problem, cure: /^write / }, text)
  }
  t.match(parseRecurrence('0 3 * * *', 'Mars/Olympus'), { problem: /Mars\/Olympus/ })
})
