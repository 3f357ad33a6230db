import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

t.test('a bundle is written, and what goes into it is asked of the node', async t => {
  const node = await scriptAdmin(t, () => [200, 'a bundle'])
  const file = join(t.testdir({}), 'b.tar.zst')
  const argv = ['export', 'nginx', 'lab/bb:v1', '--platform', 'linux/amd64,linux/arm64', '-o', file]
  t.match(await cli(argv, { env: node.env }), { code: 0, out: `${file}\n` })
  t.equal(await readFile(file, 'utf8'), 'a bundle')
  const asked = node.asked[0]?.url.searchParams
  t.strictSame(asked?.getAll('ref'), ['docker.io/library/nginx:latest', 'docker.io/lab/bb:v1'])
  t.strictSame(asked?.getAll('platform'), ['linux/amd64', 'linux/arm64'])
  t.equal(asked?.get('pinned'), null)
})

t.test('without images, or without a file, nothing is asked', async t => {
  const node = await scriptAdmin(t, () => [200, ''])
  t.match(await cli(['export', '-o', 'x'], { env: node.env }), { code: 2, err: /name images/ })
  t.match(await cli(['export', 'nginx'], { env: node.env }), { code: 2, err: /with -o FILE/ })
  t.strictSame(node.asked, [])
})

t.test('a bundle that breaks off leaves no file', async t => {
  const server = createServer((_request, response) => {
    response.write('half of a bundle', () => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const dir = t.testdir({})
  const env = { HOLDFAST_ADDRESS: `127.0.0.1:${port}`, HOLDFAST_ADMIN_TOKEN: 'sesame' }
  const ran = await cli(['export', 'nginx', '-o', join(dir, 'b.tar.zst')], { env })
  t.match(ran, { code: 6, err: /the bundle was not written/ })
  t.strictSame(await readdir(dir), [])
})
