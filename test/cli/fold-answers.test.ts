import t from 'tap'
import { foldAnswers } from '../../src/cli/fold-answers.ts'

const given = (hour: number, more: object = {}) => ({
  reference: 'docker.io/library/nginx:latest',
  digest: `sha256:${'b'.repeat(64)}`,
  source: 'upstream',
  reason: 'the registry said so just now',
  saidBy: 'https://registry-1.docker.io',
  firstAt: `2026-11-20T0${hour}:00:00.000Z`,
  lastAt: `2026-11-20T0${hour}:30:00.000Z`,
  count: 1,
  ...more,
})
const kept = (hour: number) =>
  given(hour, { source: 'ledger', reason: `the registry did not answer within ${hour} ms` })

t.test('answers in a row with one digest are one stretch, each ground once', async t => {
  const [stretch, ...others] = foldAnswers([given(5), kept(4), given(3, { count: 4 }), kept(2)])
  t.strictSame(others, [])
  t.match(stretch, {
    firstAt: '2026-11-20T02:00:00.000Z',
    lastAt: '2026-11-20T05:30:00.000Z',
    count: 7,
    grounds: [
      { source: 'upstream', count: 5 },
      { source: 'ledger', count: 2, reason: /within 4 ms/ },
    ],
  })
  t.equal(stretch?.grounds.length, 2)
})

t.test('another digest, or none, or another tag begins anew', async t => {
  const other = { digest: `sha256:${'c'.repeat(64)}` }
  const elsewhere = { reference: 'quay.io/a/b:1' }
  const all = [given(6), given(5, other), given(4), given(3, { digest: null }), given(2, elsewhere)]
  t.strictSame(
    foldAnswers(all).map(({ firstAt }) => firstAt),
    all.map(({ firstAt }) => firstAt),
  )
  t.strictSame(foldAnswers([]), [])
})
