import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { zstdCompressSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { bundleNotePath, encodeNote } from '../../../src/archive/bundle-note.ts'
import { tar } from '../../support/tar.ts'
import { cli, listen, scriptAdmin } from '../support.ts'

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

/** A node that sends this, packed as it packs a bundle. */
async function sendBundle(t: Test, tar: Buffer): Promise<Record<string, string>> {
  const server = createServer((_request, response) => response.end(zstdCompressSync(tar)))
  const port = await listen(t, server)
  return { HOLDFAST_ADDRESS: `127.0.0.1:${port}`, HOLDFAST_ADMIN_TOKEN: 'sesame' }
}

t.test('a bundle is unpacked where its name says no more than .tar', async t => {
  const bytes = Buffer.from('a bundle '.repeat(100_000))
  const env = await sendBundle(t, bytes)
  const file = join(t.testdir({}), 'b.tar')
  const ran = await cli(['export', 'nginx', '-o', file], { env })
  t.match(ran, { code: 0, out: `${file}\n`, err: /in 900 kB\n$/ })
  t.ok(bytes.equals(await readFile(file)))
})

t.test('a bundle that is cut short is no tar either', async t => {
  const packed = zstdCompressSync(Buffer.from('a bundle '.repeat(100_000)))
  const server = createServer((_request, response) => response.end(packed.subarray(0, -9)))
  const env = {
    HOLDFAST_ADDRESS: `127.0.0.1:${await listen(t, server)}`,
    HOLDFAST_ADMIN_TOKEN: 'x',
  }
  const dir = t.testdir({})
  const ran = await cli(['export', 'nginx', '-o', join(dir, 'b.tar')], { env })
  t.match(ran, { code: 6, err: /b\.tar was not written/ })
  t.strictSame(await readdir(dir), [])
})

t.test('a bundle goes to standard output as a plain tar', async t => {
  const bytes = Buffer.from('a bundle '.repeat(100_000))
  const env = await sendBundle(t, bytes)
  const program = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))
  const argv = [program, 'export', 'nginx', '-o', '-']
  const child = spawn(process.execPath, argv, { env: { ...process.env, ...env } })
  const [out, err, [code]] = await Promise.all([
    buffer(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  t.equal(code, 0, err)
  t.ok(bytes.equals(out), 'nothing else is written there')
  t.match(err, /in 900 kB\n$/)
})

t.test('in a pod it is told on which node the file lies', async t => {
  const pod = { KUBERNETES_SERVICE_HOST: '10.43.0.1', HOLDFAST_NODE__NAME: 'galley' }
  const env = { ...(await sendBundle(t, Buffer.from('a bundle'))), ...pod }
  const file = join(t.testdir({}), 'b.tar')
  const ran = await cli(['export', 'nginx', '-o', file], { env })
  t.match(ran, { code: 0, err: /, in the pod on node galley\n$/ })
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
  t.match(ran, { code: 6, err: /was not written/ })
  t.strictSame(await readdir(dir), [])
})

t.test('what the bundle comes to is told', async t => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'holdfast-bundle-images': '2' }).end('x'.repeat(3_400_000))
  })
  const env = {
    HOLDFAST_ADDRESS: `127.0.0.1:${await listen(t, server)}`,
    HOLDFAST_ADMIN_TOKEN: 'x',
  }
  const file = join(t.testdir({}), 'b.tar.zst')
  const ran = await cli(['export', 'nginx', 'redis', '-o', file], { env })
  t.match(ran, { code: 0, out: `${file}\n`, err: 'holdfast: 2 images in 3.4 MB\n' })
})

t.test(
  'with an earlier bundle what it says of itself is sent, and that it is needed told',
  async t => {
    const bodies: string[] = []
    const server = createServer(async (request, response) => {
      bodies.push(`${request.method} ${request.url} ${await text(request)}`)
      const headers = { images: '1', 'left-out-blobs': '7', 'left-out-bytes': '120400000' }
      for (const [name, value] of Object.entries(headers))
        response.setHeader(`holdfast-bundle-${name}`, value)
      response.end('a bundle')
    })
    const env = {
      HOLDFAST_ADDRESS: `127.0.0.1:${await listen(t, server)}`,
      HOLDFAST_ADMIN_TOKEN: 'x',
    }
    const note = encodeNote({ blobs: [], needs: [], earlier: [] })
    const dir = t.testdir({ 'base.tar': tar([{ name: bundleNotePath, data: note }]) })
    const base = join(dir, 'base.tar')
    const file = join(dir, 'b.tar.zst')
    const ran = await cli(['export', 'nginx', '--since', base, '-o', file], { env })
    t.match(ran, {
      code: 0,
      err: 'holdfast: 1 image in 8 bytes; 7 blobs (120 MB) are left out: whoever imports it needs base.tar first\n',
    })
    t.equal(bodies.length, 1)
    t.match(bodies[0], /^POST .*[?&]since=base.tar[& ].*ref=|^POST .*ref=.*[?&]since=base.tar /)
    t.ok(bodies[0]?.endsWith(note.toString()))
  },
)

t.test('an earlier bundle that is none, or is to be overwritten, is a mistake', async t => {
  const node = await scriptAdmin(t, () => [200, 'a bundle'])
  const note = encodeNote({ blobs: [], needs: [], earlier: [] })
  const dir = t.testdir({
    'base.tar': tar([{ name: bundleNotePath, data: note }]),
    'image.tar': tar([
      { name: 'oci-layout', data: '{}' },
      { name: 'blobs/sha256/aa', data: 'x' },
    ]),
    'torn.tar.zst': Buffer.from('28b52ffd0000', 'hex'),
    'later.tar': tar([{ name: bundleNotePath, data: '{"formatVersion":"x"}' }]),
  })
  const ran = (since: string, to = 'b.tar.zst') =>
    cli(['export', 'nginx', '--since', join(dir, since), '-o', join(dir, to)], { env: node.env })
  t.match(await ran('none.tar'), { code: 2, err: /none.tar: there is no such file$/m })
  t.match(await ran('image.tar'), { code: 2, err: /is no bundle that holdfast export wrote/ })
  t.match(await ran('torn.tar.zst'), { code: 2, err: /zstd stream is broken or cut short/ })
  t.match(await ran('later.tar'), { code: 2, err: /no format that is known/ })
  t.match(await ran('base.tar', 'base.tar'), { code: 2, err: /take the place of the one/ })
  t.strictSame(node.asked, [])
})

t.test('what is there is not written over, unless that is wanted', async t => {
  const node = await scriptAdmin(t, () => [200, 'a new bundle'])
  const dir = t.testdir({ 'b.tar.zst': 'the old one' })
  const file = join(dir, 'b.tar.zst')
  const refused = await cli(['export', 'nginx', '-o', file], { env: node.env })
  t.match(refused, { code: 2, err: /b\.tar\.zst is there already: .*--force\n$/ })
  t.equal(node.asked.length, 0)
  t.equal(await readFile(file, 'utf8'), 'the old one')
  t.match(await cli(['export', 'nginx', '-o', file, '--force'], { env: node.env }), { code: 0 })
  t.equal(await readFile(file, 'utf8'), 'a new bundle')
  t.match(await cli(['export', 'nginx', '-o', dir, '--force'], { env: node.env }), {
    code: 2,
    err: /a bundle is written to a file, and this is none/,
  })
  const nowhere = await cli(['export', 'nginx', '-o', join(dir, 'no', 'b')], { env: node.env })
  t.match(nowhere, { code: 6, err: /no\/b was not written: there is no such directory\n$/ })
})

t.test('a bundle that breaks off leaves what was there, with --force too', async t => {
  const server = createServer((_request, response) => {
    response.write('half of a bundle', () => response.destroy())
  })
  const env = {
    HOLDFAST_ADDRESS: `127.0.0.1:${await listen(t, server)}`,
    HOLDFAST_ADMIN_TOKEN: 'x',
  }
  const dir = t.testdir({ 'b.tar.zst': 'the old one' })
  const ran = await cli(['export', 'nginx', '-o', join(dir, 'b.tar.zst'), '--force'], { env })
  t.match(ran, { code: 6, err: /b\.tar\.zst was not written/ })
  t.strictSame(await readdir(dir), ['b.tar.zst'])
  t.equal(await readFile(join(dir, 'b.tar.zst'), 'utf8'), 'the old one')
})
