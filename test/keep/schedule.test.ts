import t from 'tap'
import { delayOf, newestDue } from '../../src/keep/schedule.ts'

const minute = 60_000
const everyHour = {
  after: (ms: number) => (Math.floor(ms / (60 * minute)) + 1) * 60 * minute,
  until: (ms: number) => Math.floor(ms / (60 * minute)) * 60 * minute,
}
const hour = (n: number) => n * 60 * minute
const idOf = (i: number) => i.toString(16).padStart(64, '0')

t.test('the newest time is due, once, however many were missed', async t => {
  const schedule = { times: everyHour, sinceMs: hour(1) }
  const due = (nowMs: number, lastMs: number, delayMs = 0) =>
    newestDue(schedule, { nowMs, lastMs, delayMs })
  t.equal(due(hour(3) - 1, hour(2)), undefined)
  t.equal(due(hour(3), hour(2)), hour(3))
  t.equal(due(hour(9) + 1, hour(2)), hour(9), 'six were missed')
  t.equal(due(hour(9) + 1, hour(9)), undefined)
  t.equal(due(hour(3) + 4, hour(2), 5), undefined, 'this node begins later')
  t.equal(due(hour(3) + 5, hour(2), 5), hour(3))
})

t.test('what was due before it was set is nobody’s', async t => {
  const due = (sinceMs: number, nowMs: number) =>
    newestDue({ times: everyHour, sinceMs }, { nowMs, lastMs: 0, delayMs: 0 })
  t.equal(due(hour(2) + 1, hour(2) + 2), undefined)
  t.equal(due(hour(2) + 1, hour(3)), hour(3))
  t.equal(due(hour(2), 5), undefined, 'a clock at 1970')
  t.equal(due(0, hour(2)), hour(2))
})

t.test('what never recurs is never due', async t => {
  const never = { after: () => undefined, until: () => undefined }
  const at = { nowMs: hour(9), lastMs: 0, delayMs: 0 }
  t.equal(newestDue({ times: never, sinceMs: 0 }, at), undefined)
})

t.test('nodes begin spread over the jitter, each always by the same', async t => {
  const schedule = { name: 'nightly', jitterMs: 10 * minute }
  const delays = Array.from({ length: 1_000 }, (_, i) => delayOf(schedule, idOf(i)))
  t.ok(delays.every(ms => ms >= 0 && ms < 10 * minute && Number.isInteger(ms)))
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const within = delays.filter(ms => Math.floor(ms / minute) === tenth).length
    t.ok(within > 50 && within < 150, `${within} of 1000 in minute ${tenth}`)
  }
  t.equal(delayOf(schedule, idOf(7)), delays[7])
  t.not(delayOf({ ...schedule, name: 'weekly' }, idOf(7)), delays[7], 'another one’s is another')
  t.equal(delayOf({ name: 'nightly', jitterMs: 0 }, idOf(7)), 0)
})
