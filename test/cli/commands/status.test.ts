import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

t.test('what the node tells of itself is shown as it is', async t => {
  const body = { version: '1', store: { blobs: 3 }, degraded: [] }
  const admin = await scriptAdmin(t, () => [200, body])
  const { code, out } = await cli(['status'], { env: admin.env })
  t.equal(code, 0)
  t.equal(out, 'version: "1"\nstore:\n  blobs: 3\ndegraded: []\n')
  t.strictSame(JSON.parse((await cli(['status', '-o', 'json'], { env: admin.env })).out), body)
})
