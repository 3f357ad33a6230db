import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { startDaemon } from '../../src/daemon.ts'
import { createLog } from '../../src/telemetry/log.ts'
import { cli, listen } from '../cli/support.ts'
import { configIn } from '../support/start-node.ts'
import { pull } from '../system/support/client.ts'
import { makeKey } from '../system/support/mesh.ts'

const canaries = {
  password: 'canary-password-of-the-registry',
  token: 'canary-token-of-the-admin-api-0123456789',
  reader: 'canary-token-of-a-reader-0123456789abcd',
  wrong: 'canary-of-a-wrong-token-0123456789abcdef',
  proxy: 'canary-password-of-the-proxy',
  bearer: 'canary-token-that-the-registry-gave',
}

t.test('a bundle for support tells much, and no secret', async t => {
  const registry = createServer((request, response) => {
    const isToken = request.url?.startsWith('/token') === true
    const challenge = `Bearer realm="http://${request.headers.host}/token",service="lab"`
    response.writeHead(isToken ? 200 : 401, {
      'content-type': 'application/json',
      ...(!isToken && { 'www-authenticate': challenge }),
    })
    response.end(JSON.stringify(isToken ? { token: canaries.bearer } : { errors: [] }))
  })
  const port = await listen(t, registry)
  const dir = t.testdir({ data: {} })
  const secret = makeKey(7)
  await writeFile(join(dir, 'secret'), `${secret}\n`)
  const tokens = `${canaries.token}\n${canaries.reader} read looker\n`
  await writeFile(join(dir, 'data', 'admin.token'), tokens)
  const auth = { username: 'ship', password: canaries.password }
  const config = await configIn(dir, {
    node: { name: 'galley' },
    upstreams: {
      'reg.lab': { url: `http://127.0.0.1:${port}`, auth },
      'far.lab': { url: 'https://far.lab', proxy: `http://bob:${canaries.proxy}@127.0.0.1:1` },
    },
    log: { level: 'debug' },
    peer: { listen: '127.0.0.1:0' },
    mesh: { enabled: true, listen: '127.0.0.1:0', secretFile: join(dir, 'secret') },
  })
  const log = createLog({ level: 'debug', format: 'json', destination: { write() {} } })
  const node = await startDaemon(config, { version: '0', log })
  t.teardown(() => node.close())
  const { mirror, admin } = node.addresses
  for (const name of ['reg.lab', 'far.lab']) {
    const { status } = await pull(`http://${mirror}`, name, 'lab/app', 'a')
    t.not(status, 200, name)
  }
  const at = (token: string) => ({
    env: { HOLDFAST_ADDRESS: admin, HOLDFAST_ADMIN_TOKEN: token },
  })
  t.equal((await cli(['status'], at(canaries.wrong))).code, 5)
  t.equal((await cli(['gc'], at(canaries.reader))).code, 5)

  const file = join(dir, 'support.tar.gz')
  const words = ['support-bundle', '--output-file', file]
  const ran = await cli(words, at(canaries.reader))
  t.equal(ran.code, 0, ran.err)
  t.equal(ran.out, `${file}\n`)
  const text = gunzipSync(readFileSync(file)).toString('latin1')
  for (const [what, canary] of Object.entries(canaries)) t.notOk(text.includes(canary), what)
  t.notOk(text.includes(secret), 'the key of the cluster')
  for (const name of readdirSync(config.dataDir).filter(name => /key|token/.test(name))) {
    const lines = readFileSync(join(config.dataDir, name), 'utf8').split('\n')
    for (const line of lines.filter(line => line.length > 20 && !line.startsWith('-----'))) {
      t.notOk(text.includes(line), `a line of ${name}`)
    }
  }
  for (const words of [
    /^MANIFEST\.txt\0/,
    /galley\/status\.json: how it is/,
    /"password": "\*\*\*"/,
    /galley\/log\.jsonl\0/,
    /"msg":"/,
    /galley\/metrics\.txt\0/,
    /holdfast_/,
    /"name": "ledger\.db"/,
    /"operation": "collectNodeStore"/,
    /galley\/peers\.json\0/,
    /galley\/resolutions\.json\0/,
  ]) {
    t.match(text, words)
  }
  const again = await cli(words, at(canaries.reader))
  t.equal(again.code, 2, 'what is there already is not overwritten')
})

t.test('on a node whose data directory is gone the rest is told', async t => {
  const dir = t.testdir({ data: {} })
  const tokenFile = join(dir, 'admin.token')
  const admin = { listen: '127.0.0.1:0', tokenFile }
  const config = await configIn(dir, { node: { name: 'galley' }, admin })
  const log = createLog({ level: 'error', format: 'json', destination: { write() {} } })
  const node = await startDaemon(config, { version: '0', log })
  t.teardown(() => node.close())
  const token = readFileSync(config.admin.tokenFile, 'utf8').trim()
  await rm(config.dataDir, { recursive: true })
  t.teardown(() => mkdir(config.dataDir, { recursive: true }))
  writeFileSync(config.dataDir, 'no directory')
  const file = join(dir, 'support.tar.gz')
  const env = { HOLDFAST_ADDRESS: node.addresses.admin, HOLDFAST_ADMIN_TOKEN: token }
  const ran = await cli(['support-bundle', '--output-file', file], { env })
  t.equal(ran.code, 0, ran.err)
  const text = gunzipSync(readFileSync(file)).toString('latin1')
  t.match(text, /galley\/files\.json\.failed\0.*ENOTDIR/s)
  t.match(text, /galley\/versions\.json\0/)
  await rm(config.dataDir)
})
