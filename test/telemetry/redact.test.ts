import t from 'tap'
import { HoldfastError, UpstreamFailure } from '../../src/ports/errors.ts'
import { redactFields, redactText } from '../../src/telemetry/redact.ts'

const secret = 'S3cr3t-W0rd'

t.test('no text keeps a credential', async t => {
  for (const text of [
    `GET https://user:${secret}@reg.lab/v2/ failed`,
    `https://${secret}@reg.lab`,
    `see http://a:${secret}@b:5000/x and http://c:${secret}@d/`,
    `https://reg.lab/token?service=x&access_token=${secret}&scope=y`,
    `https://blobs.lab/x?X-Amz-Signature=${secret}&X-Amz-Credential=${secret}&ok=1`,
    `https://blobs.lab/x?sig=${secret}`,
    `Authorization: Bearer ${secret}`,
    `sent "Basic ${secret}==" to it`,
    `answered {"token":"${secret}","expires_in":300}`,
    `answered {"access_token": "${secret}"}`,
    `password=${secret} in the way`,
  ]) {
    t.notMatch(redactText(text), secret, text)
    t.match(redactText(text), /\*\*\*/)
  }
})

t.test('texts without credentials stay as they are', async t => {
  for (const text of [
    'docker.io/library/nginx:latest',
    'https://registry-1.docker.io/v2/library/nginx/manifests/latest?ns=docker.io',
    'http://[::1]:5000/v2/',
    'reg.lab/app@sha256:0123',
    'no bearer challenge came',
    'the basic rule',
    'a=b',
  ]) {
    t.equal(redactText(text), text)
  }
})

t.test(
  'fields under telling names are censored at any depth, flags and numbers are not',
  async t => {
    const cause = new Error(`connect to https://u:${secret}@reg.lab failed`)
    const err = Object.assign(new Error(`failed with Bearer ${secret}`, { cause }), {
      code: 'ECONNREFUSED',
      headers: { Authorization: secret },
    })
    const fields = {
      err,
      request: { headers: { authorization: secret, Cookie: secret, accept: '*/*' } },
      auths: { 'reg.lab': { auth: secret } },
      list: [{ password: secret }, `https://u:${secret}@x/`],
      url: new URL(`https://u:${secret}@reg.lab/`),
      headers: new Headers({ authorization: secret }),
      token: true,
      secret: 5,
      bytes: Buffer.from(secret),
    }
    const clean = redactFields(fields)
    const text = JSON.stringify(clean)
    t.notMatch(text, secret)
    t.match(clean, {
      err: { type: 'Error', code: 'ECONNREFUSED', cause: { type: 'Error' } },
      request: { headers: { authorization: '***', accept: '*/*' } },
      token: true,
      secret: 5,
      bytes: `${secret.length} bytes`,
    })
    t.match(JSON.stringify(clean), /redact\.test\.ts/, 'the stack is there')
    t.equal(fields.request.headers.authorization, secret, 'what was given is not changed')
  },
)

t.test('what the outside world did has no stack, a fault in the program has', async t => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })
  const down = new UpstreamFailure('unreachable', 'connect', 'down', { cause: refused })
  t.strictSame(redactFields({ err: down }), {
    err: {
      type: 'UpstreamFailure',
      message: 'down',
      code: 'unreachable',
      reason: 'connect',
      status: undefined,
      retryAfterMs: undefined,
      cause: { type: 'Error', message: 'refused', code: 'ECONNREFUSED' },
    },
  })
  const full = new HoldfastError('store-full', 'no room', new TypeError('x is undefined'))
  t.match(redactFields({ err: full }), {
    err: { stack: undefined, cause: { type: 'TypeError', stack: /redact\.test\.ts/ } },
  })
  t.match(redactFields({ err: refused }), { err: { stack: /redact\.test\.ts/ } })
})

t.test('fields without credentials are not copied', async t => {
  const fields = { ref: 'docker.io/library/nginx:latest', durationMs: 1, more: { a: ['b'] } }
  t.equal(redactFields(fields), fields)
})

t.test('what goes round in circles ends', async t => {
  const round: Record<string, unknown> = {}
  round['round'] = round
  t.match(JSON.stringify(redactFields(round)), /…/)
  const error = new Error('x')
  error.cause = error
  t.match(JSON.stringify(redactFields({ error })), /…/)
})
