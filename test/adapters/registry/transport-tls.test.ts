import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import t, { type Test } from 'tap'
import type { TlsSettings } from '../../../src/adapters/registry/settings.ts'
import { makeAuthority } from './support/certificates.ts'
import {
  bodyOf,
  endpointAt,
  makeTransport,
  question,
  serve,
  serveTcp,
  type TransportSetting,
} from './support/transport.ts'

const authority = makeAuthority()
const stranger = makeAuthority('somebody else')
const good = authority.issue({ hosts: ['registry.test', '127.0.0.1'] })
const names = { 'registry.test': ['127.0.0.1'], 'other.test': ['127.0.0.1'] }
const dayMs = 86_400_000

async function ask(
  t: Test,
  url: string,
  tls: TlsSettings | undefined,
  setting: TransportSetting = {},
) {
  const transport = makeTransport(t, { names, ...setting })
  const answer = await transport.request(question(url, endpointAt(url, { tls })))
  return { answer, body: await bodyOf(answer) }
}

function filesOf(t: Test, files: Record<string, string>) {
  const dir = t.testdir(files)
  return (name: string) => join(dir, name)
}

t.test('a certificate of a given authority is verified, by name and by address', async t => {
  const path = filesOf(t, { 'ca.pem': authority.cert })
  const { port } = await serve(t, (_, response) => response.end('secret'), good)
  const tls = { caFile: path('ca.pem') }
  for (const host of ['registry.test', '127.0.0.1']) {
    const { answer, body } = await ask(t, `https://${host}:${port}/`, tls)
    t.equal(body, 'secret')
    t.equal(answer.overVerifiedTls, true)
  }
})

t.test('a certificate for another name is refused', async t => {
  const path = filesOf(t, { 'ca.pem': authority.cert })
  const { port } = await serve(t, (_, response) => response.end(), good)
  await t.rejects(ask(t, `https://other.test:${port}/`, { caFile: path('ca.pem') }), {
    code: 'unreachable',
    reason: 'tls',
    message: /other\.test \(ERR_TLS_CERT_ALTNAME_INVALID\)/,
  })
})

t.test('a certificate of an unknown authority is refused, unless told not to look', async t => {
  const path = filesOf(t, { 'ca.pem': stranger.cert })
  const { port } = await serve(t, (_, response) => response.end('seen'), good)
  const url = `https://registry.test:${port}/`
  for (const tls of [undefined, { caFile: path('ca.pem') }]) {
    await t.rejects(ask(t, url, tls), { code: 'unreachable', reason: 'tls' })
  }
  const { answer, body } = await ask(t, url, { insecureSkipVerify: true })
  t.equal(body, 'seen')
  t.equal(answer.overVerifiedTls, false, 'and its Date corrects no clock')
})

t.test('an authority file that changes is read again', async t => {
  const path = filesOf(t, { 'ca.pem': stranger.cert })
  const { port } = await serve(t, (_, response) => response.end('yes'), good)
  const url = `https://registry.test:${port}/`
  const transport = makeTransport(t, { names })
  const endpoint = endpointAt(url, { tls: { caFile: path('ca.pem') } })
  await t.rejects(transport.request(question(url, endpoint)), { code: 'unreachable' })
  await writeFile(path('ca.pem'), `${stranger.cert}${authority.cert}`)
  t.equal(await bodyOf(await transport.request(question(url, endpoint))), 'yes')
})

t.test('a missing or broken file is named, its content is not', async t => {
  const path = filesOf(t, { 'key.pem': 'not a key but a s3cret' })
  const { port } = await serve(t, (_, response) => response.end(), good)
  const url = `https://registry.test:${port}/`
  await t.rejects(ask(t, url, { caFile: path('absent.pem') }), {
    code: 'unreachable',
    reason: 'tls',
    message: /absent\.pem is missing/,
  })
  const broken = ask(t, url, { certFile: path('key.pem'), keyFile: path('key.pem') })
  await t.rejects(broken, { code: 'unreachable', reason: 'tls', message: /key\.pem/ })
  await broken.catch((error: Error) => t.notMatch(String(error.stack), /s3cret/))
})

t.test('a client certificate is shown to the host itself and to no other', async t => {
  const client = authority.issue({ hosts: ['node-1'] })
  const path = filesOf(t, {
    'ca.pem': authority.cert,
    'client.pem': client.cert,
    'client.key': client.key,
  })
  const shown: unknown[] = []
  const both = authority.issue({ hosts: ['registry.test', 'other.test'] })
  const { port } = await serve(
    t,
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate()
      shown.push(subject?.CN)
      response.end()
    },
    { ...both, ca: authority.cert, requestCert: true, rejectUnauthorized: false },
  )
  const tls = {
    caFile: path('ca.pem'),
    certFile: path('client.pem'),
    keyFile: path('client.key'),
  }
  const endpoint = endpointAt(`https://registry.test:${port}`, { tls })
  const transport = makeTransport(t, { names })
  for (const host of ['registry.test', 'other.test']) {
    const url = `https://${host}:${port}/`
    await bodyOf(await transport.request(question(url, endpoint, { trust: 'follow' })))
  }
  t.strictSame(shown, ['node-1', undefined])
})

t.test('a host that insists on a client certificate is a tls failure', async t => {
  const path = filesOf(t, { 'ca.pem': authority.cert })
  const { port } = await serve(t, (_, response) => response.end(), {
    ...good,
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: true,
  })
  await t.rejects(ask(t, `https://registry.test:${port}/`, { caFile: path('ca.pem') }), {
    code: 'unreachable',
    reason: /tls|reset/,
  })
})

const outOfTime = {
  expired: { notBefore: new Date(Date.now() - 9 * dayMs), notAfter: new Date(Date.now() - dayMs) },
  'not yet valid': {
    notBefore: new Date(Date.now() + dayMs),
    notAfter: new Date(Date.now() + 9 * dayMs),
  },
}

for (const [what, times] of Object.entries(outOfTime)) {
  t.test(`a certificate that is ${what} is a matter of the clock when ours is wrong`, async t => {
    const path = filesOf(t, { 'ca.pem': authority.cert })
    const server = authority.issue({ hosts: ['registry.test'], ...times })
    const { port } = await serve(t, (_, response) => response.end(), server)
    const url = `https://registry.test:${port}/`
    const tls = { caFile: path('ca.pem') }
    await t.rejects(ask(t, url, tls, { earliestTimeMs: () => Date.now() + dayMs }), {
      code: 'clock',
      reason: 'clock',
      message: /set the clock/,
    })
    await t.rejects(ask(t, url, tls, { earliestTimeMs: () => Date.now() - dayMs }), {
      code: 'unreachable',
      reason: 'tls',
    })
  })
}

t.test('plain http in place of TLS is a tls failure', async t => {
  const { port } = await serve(t, (_, response) => response.end())
  await t.rejects(ask(t, `https://registry.test:${port}/`, undefined), {
    code: 'unreachable',
    reason: 'tls',
  })
})

t.test('a connection closed during the handshake is a reset', async t => {
  const { port } = await serveTcp(t, socket => {
    socket.once('data', () => socket.destroy())
  })
  await t.rejects(ask(t, `https://registry.test:${port}/`, undefined), {
    code: 'unreachable',
    reason: 'reset',
  })
})

t.test('a session is resumed by the next connection', async t => {
  const path = filesOf(t, { 'ca.pem': authority.cert })
  const reused: boolean[] = []
  const { port } = await serve(
    t,
    (request, response) => {
      reused.push((request.socket as TLSSocket).isSessionReused())
      response.end()
    },
    good,
  )
  const url = `https://registry.test:${port}/`
  const transport = makeTransport(t, { names })
  const endpoint = endpointAt(url, { tls: { caFile: path('ca.pem') } })
  for (let i = 0; i < 2; i += 1) {
    await bodyOf(await transport.request(question(url, endpoint, { freshConnection: true })))
  }
  t.strictSame(reused, [false, true])
})
