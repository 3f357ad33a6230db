import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const digest = `sha256:${'c'.repeat(64)}`
const answer = {
  reference: 'docker.io/library/nginx:latest',
  forgotten: digest,
  storedOn: { nodes: 2, members: 3 },
}

t.test('a tag is forgotten, and where that is stored is told', async t => {
  const admin = await scriptAdmin(t, () => [200, { ...answer, pinnedDigest: digest }])
  const { code, out } = await cli(['forget', 'nginx', '--copies', '2'], { env: admin.env })
  t.equal(code, 0)
  t.match(
    out,
    /^docker.io\/library\/nginx:latest is forgotten\n {2}it was +sha256:c+\n {2}stored on +2 of 3 nodes\n/,
  )
  t.match(out, /it is pinned: clients still get sha256:c+\n$/)
  t.match(admin.asked[0], {
    method: 'DELETE',
    url: { pathname: '/api/v1/tags/docker.io%2Flibrary%2Fnginx%3Alatest', search: '?copies=2' },
  })
  const few = await cli(['forget', 'nginx', '--copies', '3'], { env: admin.env })
  t.match(few, { code: 1, out: /fewer nodes than 3 have it/ })
})
