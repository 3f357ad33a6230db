import { createServer, type Server } from 'node:https'
import t, { type Test } from 'tap'
import { unreachable } from '../../src/cli/unreachable.ts'
import { makeAuthority } from '../adapters/registry/support/certificates.ts'
import { cli, listen } from './support.ts'

const failed = (code: string, message = code) => Object.assign(new Error(message), { code })
const socket = { url: new URL('http://localhost'), socketPath: '/run/holdfast.sock' }

async function startTls(t: Test): Promise<number> {
  const server: Server = createServer(makeAuthority().issue({ hosts: ['127.0.0.1'] }))
  return listen(t, server)
}

t.test('plain HTTP to a port of TLS is told to write https', async t => {
  const port = await startTls(t)
  const env = { HOLDFAST_ADDRESS: `127.0.0.1:${port}`, HOLDFAST_ADMIN_TOKEN: 'x' }
  t.match(await cli(['status'], { env }), {
    code: 4,
    err: new RegExp(`Where it has admin\\.tls, write https://127\\.0\\.0\\.1:${port}$`, 'm'),
  })
  t.notMatch(unreachable(socket, failed('ECONNRESET')).message, /https/, 'a socket has no TLS')
})

t.test('a certificate that nobody vouches for is told how to be trusted', async t => {
  const port = await startTls(t)
  const env = { HOLDFAST_ADDRESS: `https://127.0.0.1:${port}`, HOLDFAST_ADMIN_TOKEN: 'x' }
  const { code, err } = await cli(['status'], { env })
  t.equal(code, 4)
  t.match(err, /: unable to verify the first certificate; name its authority with --ca-file FILE/)
  t.notMatch(err, /Node/)
  const node = { url: new URL('https://ship:5051'), socketPath: undefined }
  t.match(unreachable(node, failed('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate')), {
    code: 'unreachable',
    message:
      'the certificate of https://ship:5051: self-signed certificate; name that certificate with --ca-file FILE',
  })
})

t.test('who may not open the socket is told who may', async t => {
  for (const code of ['EACCES', 'EPERM']) {
    t.match(unreachable(socket, failed(code)), {
      code: 'denied',
      message: `unix:/run/holdfast.sock is not for this user (${code}); root may ask there, and whoever is in the group`,
    })
  }
  t.match(unreachable(socket, failed('ENOENT')), { code: 'unreachable', message: 'is it running' })
})
