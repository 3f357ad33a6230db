import t from 'tap'
import { failureOf, isClosedConnection } from '../../../src/adapters/registry/failure.ts'
import { UpstreamFailure } from '../../../src/ports/errors.ts'

const expected = {
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'stalled',
  UND_ERR_HEADERS_OVERFLOW: 'protocol',
  HPE_INVALID_CONSTANT: 'protocol',
  UND_ERR_SOCKET: 'reset',
  ECONNRESET: 'reset',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'tls',
  'something else': 'protocol',
}

for (const [code, reason] of Object.entries(expected)) {
  t.test(`${code} is ${reason}`, async t => {
    const cause = Object.assign(new Error('raw'), { code })
    const failure = failureOf(cause, 'registry.test')
    t.match(failure, { code: 'unreachable', reason, message: /^registry\.test / })
    t.equal(failure.cause, cause)
    t.equal(isClosedConnection(cause), reason === 'reset')
  })
}

t.test('a failure that is one already stays as it is', async t => {
  const failure = new UpstreamFailure('clock', 'clock', 'set the clock')
  t.equal(failureOf(failure, 'registry.test'), failure)
  t.match(failureOf(undefined, 'registry.test'), { reason: 'protocol' })
})
