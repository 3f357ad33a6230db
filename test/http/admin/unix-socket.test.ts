import { once } from 'node:events'
import { mkdtemp, readFile, readlink, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { listenOnSocket } from '../../../src/http/admin/unix-socket.ts'

async function listen(t: Test, silentMs: number) {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-socket-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const path = join(dir, 'a.sock')
  const server = createServer()
  const listener = listenOnSocket(server, { path, graceMs: 100, silentMs })
  await listener.listen()
  t.teardown(() => listener.close())
  return { server, path }
}

t.test('a question may take as long as an archive does on a slow link', async t => {
  const { server } = await listen(t, 60_000)
  t.equal(server.requestTimeout, 0)
})

t.test('a connection on which nothing happens is closed', async t => {
  const { path } = await listen(t, 100)
  const client = connect({ path })
  client.resume()
  await once(client, 'connect')
  client.write('POST /api/v1/import HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n')
  await once(client, 'close')
  t.pass('closed')
})

t.test('what lies there and is no socket is left alone', async t => {
  const dir = t.testdir({ precious: 'text', folder: {}, link: t.fixture('symlink', 'precious') })
  for (const name of ['precious', 'folder', 'link']) {
    const listener = listenOnSocket(createServer(), {
      path: join(dir, name),
      graceMs: 100,
      silentMs: 1_000,
    })
    await t.rejects(listener.listen(), { code: 'config-invalid', message: /is no socket/ }, name)
  }
  t.equal(await readFile(join(dir, 'precious'), 'utf8'), 'text')
  t.equal(await readlink(join(dir, 'link')), 'precious')
})
