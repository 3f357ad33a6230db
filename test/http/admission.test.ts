import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createAdmission } from '../../src/http/admission.ts'
import { createTokenFile } from '../../src/http/token-file.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { connectRaw } from '../support/raw-http.ts'
import { errorOf, startMirror } from './support.ts'

const from = (remoteAddress: string | undefined, headers = {}): IncomingMessage =>
  ({ socket: { remoteAddress }, headers }) as never

t.test('loopback, own addresses and what is allowed may ask, others may not', async t => {
  const admission = createAdmission({
    allow: ['10.1.0.0/16', 'fd00::/8', '192.0.2.7'],
    tokenFile: undefined,
    ownAddresses: () => ['172.16.0.5', 'fe80::1'],
  })
  for (const address of [
    '127.0.0.1',
    '127.8.8.8',
    '::1',
    '::ffff:127.0.0.1',
    '10.1.2.3',
    '::ffff:10.1.2.3',
    'fd12::9',
    '192.0.2.7',
    '172.16.0.5',
    '::ffff:172.16.0.5',
    'fe80::1%eth0',
  ]) {
    t.ok(admission.admits(from(address)), address)
  }
  for (const address of [
    '10.2.0.1',
    '8.8.8.8',
    '::ffff:8.8.8.8',
    'fe80::2',
    '192.0.2.8',
    undefined,
  ]) {
    t.notOk(admission.admits(from(address)), String(address))
  }
})

t.test('this machine is known by the addresses of its interfaces', async t => {
  const admission = createAdmission({ allow: [], tokenFile: undefined })
  const own = Object.values(networkInterfaces()).flatMap(list => list ?? [])
  for (const { address } of own) t.ok(admission.admits(from(address)), address)
  t.notOk(admission.admits(from('198.51.100.1')))
})

t.test('an entry that is no address is refused by name, above all an empty prefix', async t => {
  for (const entry of ['10.0.0.0/', '10.0.0.0/33', 'fd00::/129', 'reg.lab', '10.0.0', '/8', '']) {
    t.throws(
      () => createAdmission({ allow: [entry], tokenFile: undefined }),
      new RegExp(`mirror\\.allow: ${entry} is no address`),
    )
  }
})

async function tokenPath(t: { teardown(f: () => unknown): void }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-token-'))
  t.teardown(() => rm(dir, { recursive: true }))
  return join(dir, 'token')
}

t.test('a token admits from anywhere, and only whole', async t => {
  const path = await tokenPath(t)
  await writeFile(path, '# for the lab\nfirst-token\n\n  second-token  \n')
  const tokenFile = createTokenFile(path, { clock: systemClock })
  const admission = createAdmission({ allow: [], tokenFile, ownAddresses: () => [] })
  const asks = (token: unknown): boolean =>
    admission.admits(from('8.8.8.8', { 'holdfast-token': token }))
  t.ok(asks('first-token'))
  t.ok(asks('second-token'))
  for (const wrong of ['', 'first', 'first-token ', 'FIRST-TOKEN', '# for the lab', undefined]) {
    t.notOk(asks(wrong), String(wrong))
  }
})

t.test('the token file is read again when it changes, appears or goes away', async t => {
  const path = await tokenPath(t)
  let nowMs = 0
  const clock = { wallMs: () => 0, monotonicMs: () => nowMs }
  const tokens = createTokenFile(path, { clock })
  t.notOk(tokens.holderOf('one'), 'there is no file yet')
  await writeFile(path, 'one\n')
  t.notOk(tokens.holderOf('one'), 'looked at a moment ago')
  nowMs += 1000
  t.ok(tokens.holderOf('one'))
  await writeFile(`${path}.new`, 'two\n')
  await rename(`${path}.new`, path)
  nowMs += 1000
  t.notOk(tokens.holderOf('one'))
  t.ok(tokens.holderOf('two'))
  await rm(path)
  nowMs += 1000
  t.notOk(tokens.holderOf('two'))
  t.notOk(tokens.holderOf(''))
})

t.test('who is not admitted gets a 403 that says who is, and no challenge', async t => {
  const { port } = await startMirror(t, { admission: { admits: () => false } })
  const client = await connectRaw(port)
  t.teardown(client.close)
  for (const target of ['/v2/', '/v2/lab/app/manifests/latest?ns=reg.lab', '/']) {
    const got = await client.ask('GET', target)
    t.equal(got.status, 403)
    t.match(errorOf(got.body), { code: 'DENIED', message: /mirror\.allow/ })
    t.notOk('www-authenticate' in got.headers)
  }
})
