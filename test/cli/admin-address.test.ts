import { join } from 'node:path'
import t from 'tap'
import { cli, scriptAdmin } from './support.ts'

const answer = { node: 'a', level: 'info', configured: 'info' }

t.test('the configuration tells the address, and where its token lies', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const dataDir = t.testdir({ 'admin.token': '# for all\n\nfrom-file write chart\nolder\n' })
  const port = admin.address.split(':')[1]
  t.match(await cli(['log-level', '--data-dir', dataDir, '--admin.listen', admin.address]), {
    code: 0,
  })
  t.equal(admin.asked[0]?.authorization, 'Bearer from-file', 'the first token is the one to send')
  const tls = { HOLDFAST_ADMIN__TLS: '{"certFile":"/none","keyFile":"/none"}' }
  const everywhere = [
    '--data-dir',
    dataDir,
    '--admin.listen',
    `0.0.0.0:${port}`,
    '--address',
    admin.address,
  ]
  t.match(await cli(['log-level', ...everywhere], { env: tls }), {
    code: 2,
    err: /certificate \/none cannot be read/,
  })
})

t.test('options come before the environment, and that before the configuration', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  const file = join(t.testdir({ token: 'told' }), 'token')
  const env = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_ADMIN_TOKEN: 'env' }
  await cli(['log-level', '--address', admin.address, '--token-file', file], { env })
  t.equal(admin.asked[0]?.authorization, 'Bearer told')
  await cli(['log-level', '--admin.listen', '127.0.0.1:1'], { env: admin.env })
  t.equal(admin.asked[1]?.authorization, 'Bearer sesame')
})

t.test('with address and token told the configuration is not needed', async t => {
  const admin = await scriptAdmin(t, () => [200, answer])
  t.match(await cli(['log-level', '--mode', 'x'], { env: admin.env }), { code: 0 })
})

t.test('a token that cannot be read says where it should be', async t => {
  const dataDir = t.testdir({})
  t.match(await cli(['log-level', '--data-dir', dataDir]), {
    code: 5,
    err: /cannot be read from .*admin.token: name the file of the node that is asked with --token-file FILE/,
  })
})

t.test('a file that holds no token, or is none, is told as that', async t => {
  const { env } = await scriptAdmin(t, () => [200, answer])
  const dir = t.testdir({ empty: '# nothing\n' })
  t.match(await cli(['log-level', '--token-file', join(dir, 'empty')], { env }), {
    code: 5,
    err: /empty holds no token\n$/,
  })
  t.match(await cli(['log-level', '--token-file', dir], { env }), {
    code: 5,
    err: /cannot be read from .*: it is a directory\n$/,
  })
})

t.test('a node elsewhere has a token of its own, and how to name it is told', async t => {
  const dataDir = t.testdir({ 'admin.token': 'secret-of-this-node\n' })
  const { code, err } = await cli([
    'log-level',
    ...['--data-dir', dataDir, '--address', 'https://ship.example:5051'],
  ])
  t.equal(code, 5)
  t.match(
    err,
    /^holdfast: https:\/\/ship.example:5051 wants its token: name a file with --token-file FILE/,
  )
  t.match(
    err,
    /or set HOLDFAST_ADMIN_TOKEN; that of the node here is not sent to another machine$/m,
  )
})

t.test('an address that is none, or would leak the token, is refused', async t => {
  const env = { HOLDFAST_ADMIN_TOKEN: 'x' }
  t.match(await cli(['log-level', '--address', 'http://10.0.0.1:5051'], { env }), {
    code: 2,
    err: /the token would cross the network in the clear; write https:\/\/10.0.0.1:5051/,
  })
  const { code, err } = await cli(['log-level', '--address', 'http://bob:hunter2@localhost'], {
    env,
  })
  t.equal(code, 2)
  t.notMatch(err, /hunter2/)
  for (const address of ['http://', 'ftp://node.lan', 'file:///run/holdfast.sock']) {
    t.match(await cli(['log-level', '--address', address], { env }), {
      code: 2,
      err: /is no address; write 127.0.0.1:5051/,
    })
  }
})
