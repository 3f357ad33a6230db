import type { IncomingMessage } from 'node:http'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createAdmission } from '../../src/http/admission.ts'
import { openTokenFile } from '../../src/http/token-file.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { silentLog } from '../../src/ports/log.ts'
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

t.test('a token admits from anywhere, and only whole', async t => {
  const first = 'first-uOa0T9IgRa7XqJqVw0X1Xw'
  const second = 'second-9pV1tWZkQx2nB8sLrY5MdA'
  const dir = t.testdir({ token: `# for the lab\n${first}\n\n  ${second}  \n` })
  const file = { key: 'mirror.tokenFile', path: join(dir, 'token') } as const
  const tokenFile = openTokenFile(file, { clock: systemClock, log: silentLog })
  const admission = createAdmission({ allow: [], tokenFile, ownAddresses: () => [] })
  const asks = (token: unknown): boolean =>
    admission.admits(from('8.8.8.8', { 'holdfast-token': token }))
  t.ok(asks(first))
  t.ok(asks(second))
  for (const wrong of ['', 'first', `${first} `, first.toUpperCase(), '# for the lab', undefined]) {
    t.notOk(asks(wrong), String(wrong))
  }
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
