import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const digest = `sha256:${'a'.repeat(64)}`
const answer = {
  reference: 'docker.io/library/nginx:latest',
  found: true,
  digest,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  size: 1234,
  source: 'ledger',
  fresh: false,
  confirmedAt: '2026-11-20T03:00:00.000Z',
  ageSeconds: 7300,
  reason: 'upstream is known to be down',
  failure: 'unreachable',
  saidBy: 'https://registry-1.docker.io',
  steps: [
    { rung: 'pin', outcome: 'none' },
    { rung: 'upstream', outcome: 'connect refused' },
  ],
}

t.test('the answer is shown with its source and its reason', async t => {
  const admin = await scriptAdmin(t, () => [200, { ...answer, steps: [] }])
  const { code, out } = await cli(['resolve', 'nginx'], { env: admin.env })
  t.equal(code, 0)
  t.equal(
    out,
    [
      'docker.io/library/nginx:latest',
      `  digest     ${digest}`,
      '  source     ledger',
      '  because    upstream is known to be down',
      '  upstream   unreachable',
      '  said by    https://registry-1.docker.io',
      '  confirmed  2026-11-20T03:00:00.000Z (2 h ago)',
      '  type       application/vnd.oci.image.index.v1+json',
      '  size       1234 bytes',
      '',
    ].join('\n'),
  )
  const [asked] = admin.asked
  t.equal(asked?.url.pathname, '/api/v1/resolve')
  t.equal(asked?.url.searchParams.get('ref'), 'docker.io/library/nginx:latest')
  t.equal(asked?.url.searchParams.get('explain'), null)
  t.equal(asked?.authorization, 'Bearer sesame')
})

t.test('--explain asks for every rung and shows it with its outcome', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { out } = await cli(['resolve', 'nginx', '--explain'], { env: admin.env })
  t.equal(admin.asked[0]?.url.searchParams.get('explain'), 'true')
  t.match(out, /tried, in this order:\n {2}pin {7}none\n {2}upstream {2}connect refused\n$/)
})

t.test('no answer is an answer with an exit code of its own', async t => {
  for (const status of [200, 404]) {
    const body = {
      reference: answer.reference,
      found: false,
      reason: 'nothing complete',
      failure: null,
      steps: [],
    }
    const admin = await scriptAdmin(t, () => [status, body])
    const { code, out } = await cli(['resolve', 'nginx'], { env: admin.env })
    t.equal(code, 1)
    t.match(out, /digest {3}none\n {2}because {2}nothing complete/)
  }
})

t.test('--output json is the answer as the node gave it', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const { out } = await cli(['resolve', 'nginx', '--output', 'json'], { env: admin.env })
  t.strictSame(JSON.parse(out), answer)
})
