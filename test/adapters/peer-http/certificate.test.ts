import { execFile } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import t from 'tap'
import { createPeerIdentity, nodeIdOf } from '../../../src/adapters/peer-http/certificate.ts'

const makeKey = () => generateKeyPairSync('ed25519').privateKey

t.test('a certificate is signed by its own key, names the node and never expires', async t => {
  const privateKey = makeKey()
  const { id, cert } = createPeerIdentity(privateKey)
  const raw = createPublicKey(privateKey).export({ format: 'jwk' }).x ?? ''
  t.equal(id, Buffer.from(raw, 'base64url').toString('hex'))
  const parsed = new X509Certificate(cert)
  t.ok(parsed.verify(createPublicKey(privateKey)))
  t.equal(parsed.subject, `CN=${id}`)
  t.equal(parsed.issuer, parsed.subject)
  t.equal(parsed.validFromDate.toISOString(), '2000-01-01T00:00:00.000Z')
  t.equal(parsed.validToDate.toISOString(), '9999-12-31T23:59:59.000Z')
  t.equal(nodeIdOf(parsed), id)
})

t.test('many keys make certificates that parse', async t => {
  for (let i = 0; i < 200; i += 1) {
    const { id, cert } = createPeerIdentity(makeKey())
    if (nodeIdOf(new X509Certificate(cert)) !== id) t.fail(cert)
  }
  t.pass('all of them')
})

t.test('openssl reads it and finds nothing wrong', async t => {
  const { cert } = createPeerIdentity(makeKey())
  const openssl = promisify(execFile)('openssl', [
    'x509',
    '-noout',
    '-text',
    '-certopt',
    'ext_error',
  ])
  openssl.child.stdin?.end(cert)
  const found = await openssl.catch((error: NodeJS.ErrnoException) => error)
  if (found instanceof Error && found.code === 'ENOENT') t.pass('no openssl here')
  else t.match(found, { stdout: /Signature Algorithm: ED25519/ })
})

t.test('it is what TLS 1.3 shows on both sides', async t => {
  const [ours, theirs] = [createPeerIdentity(makeKey()), createPeerIdentity(makeKey())]
  const seen = Promise.withResolvers<string | undefined>()
  const options = { ...theirs, requestCert: true, rejectUnauthorized: false, minVersion: 'TLSv1.3' }
  const server = createServer(options as object, (socket: TLSSocket) => {
    seen.resolve(nodeIdOf(socket.getPeerX509Certificate()))
    socket.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const socket = connect({ port, ...ours, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  t.equal(nodeIdOf(socket.getPeerX509Certificate()), theirs.id)
  t.equal(await seen.promise, ours.id)
  socket.destroy()
  server.close()
})

t.test('a certificate of another kind of key is of no node, nor is none', async t => {
  t.equal(nodeIdOf(undefined), undefined)
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  t.equal(nodeIdOf({ publicKey } as X509Certificate), undefined)
})
