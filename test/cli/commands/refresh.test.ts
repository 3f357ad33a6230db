import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const digest = `sha256:${'c'.repeat(64)}`
const older = `sha256:${'d'.repeat(64)}`
const answer = {
  reference: 'docker.io/library/nginx:latest',
  outcome: 'moved',
  before: older,
  after: digest,
  reason: 'the registry said so just now',
  saidBy: 'https://registry-1.docker.io',
  tookMs: 120,
}

t.test('what a registry says now is told beside what was known', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { code, out } = await cli(['refresh', 'nginx'], { env: admin.env })
  t.equal(code, 0)
  t.match(
    out,
    /^docker.io\/library\/nginx:latest moved\n {2}before +sha256:d+\n {2}now +sha256:c+\n/,
  )
  t.match(out, /took +120 ms\n$/)
  t.match(admin.asked[0], {
    method: 'POST',
    url: { pathname: '/api/v1/tags/docker.io%2Flibrary%2Fnginx%3Alatest/refresh' },
  })
})

t.test('a registry that did not answer is told by the exit code, a pin in words', async t => {
  const failed = { ...answer, outcome: 'failed', saidBy: null, failure: 'unreachable' }
  const silent = await scriptAdmin(t, () => [200, { ...failed, pinnedDigest: older }])
  const { code, out } = await cli(['refresh', 'nginx'], { env: silent.env })
  t.equal(code, 1)
  t.match(out, /could not be asked for\n/)
  t.match(out, /it is pinned: clients get sha256:d+\n$/)
})

t.test('a registry that did answer is not told as silent', async t => {
  for (const [failure, says] of [
    ['not-found', 'is not there, says its registry'],
    ['denied', 'was refused by its registry'],
    ['rate-limited', 'its registry wants a pause'],
    ['clock', 'could not be asked for'],
  ] as const) {
    const { env } = await scriptAdmin(t, () => [
      200,
      { ...answer, outcome: 'failed', saidBy: null, failure },
    ])
    t.match(await cli(['refresh', 'nginx'], { env }), { code: 1, out: new RegExp(says) }, failure)
  }
})

t.test('a node that may not ask refuses', async t => {
  const admin = await scriptAdmin(t, () => [409, { detail: 'nobody was asked: mode is offline' }])
  t.match(await cli(['refresh', 'nginx'], { env: admin.env }), {
    code: 8,
    err: /refused: nobody was asked: mode is offline/,
  })
})
