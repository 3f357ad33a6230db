import type { Test } from 'tap'
import t from 'tap'
import { createAuthorizer } from '../../../src/adapters/registry/authorize.ts'
import type { Credential } from '../../../src/adapters/registry/credential.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import type { RegistryAuth } from '../../support/registry-auth.ts'
import { stopTime } from './support/stopped-time.ts'
import { makeTransport } from './support/transport.ts'
import {
  askLatest,
  at,
  failsAs,
  image,
  layer,
  never,
  serveRegistry,
  upstreamOf,
} from './support/upstream.ts'

const { digest } = image
const user: Credential = { kind: 'basic', username: 'van', password: 'secret' }

/** A registry that wants to be asked that way, and a client with that credential. */
async function makeCase(
  t: Test,
  auth: RegistryAuth,
  credential?: Credential,
  settings: Parameters<typeof upstreamOf>[2] = {},
  parts: Parameters<typeof upstreamOf>[3] = {},
) {
  const registry = await serveRegistry(t, { auth })
  const transport = makeTransport(t)
  const authorizer = createAuthorizer({
    transport,
    findCredential: async () => credential,
    clock: systemClock,
    log: silentLog,
  })
  t.teardown(() => authorizer.close())
  const upstream = upstreamOf(t, registry, settings, { transport, authorizer, ...parts })
  return { registry, upstream, ask: () => askLatest(upstream, registry) }
}

t.test('an anonymous token is fetched once and used for all that follows', async t => {
  const { registry, upstream, ask } = await makeCase(t, { kind: 'bearer' })
  t.match(await ask(), { digest })
  t.strictSame(
    registry.log.map(({ method, kind, status }) => [method, kind, status]),
    [
      ['HEAD', 'manifest-tag', 401],
      ['GET', 'token', 200],
      ['HEAD', 'manifest-tag', 200],
    ],
  )
  await ask()
  await upstream.getManifest(at(registry), digest, never)
  t.equal(registry.count('token'), 1)
  t.equal(registry.log.filter(({ status }) => status === 401).length, 1)
})

t.test('a token that is worthless by now is replaced', async t => {
  const { registry, ask } = await makeCase(t, { kind: 'bearer' })
  await ask()
  registry.revokeTokens()
  const answers = await Promise.all([ask(), ask(), ask()])
  for (const answer of answers) t.match(answer, { digest })
  t.equal(registry.count('token'), 2, 'once for all who found out')
})

t.test('with credentials, a private repository opens', async t => {
  const auth = { kind: 'bearer', username: 'van', password: 'secret' } as const
  const { ask } = await makeCase(t, auth, user)
  t.match(await ask(), { digest })
})

t.test('without them it is denied, and that is an answer', async t => {
  const auth = { kind: 'bearer', anonymous: true, isPrivate: () => true } as const
  const { registry, upstream, ask } = await makeCase(t, auth)
  for (let n = 0; n < 3; n += 1) await failsAs(t, ask(), 'denied', 'denied')
  t.equal(upstream.reach(at(registry)).state, 'reachable')
})

t.test('Basic is asked for and given', async t => {
  const auth = { kind: 'basic', username: 'van', password: 'secret' } as const
  const { ask } = await makeCase(t, auth, user)
  t.match(await ask(), { digest })
  const wrong = await makeCase(t, auth, { ...user, password: 'wrong' })
  await failsAs(t, wrong.ask(), 'denied', 'denied')
})

t.test('a token host that fails is not the registry saying no', async t => {
  const { registry, ask } = await makeCase(t, { kind: 'bearer' })
  const broken = registry.fault({ do: 'status', status: 503 }, { kind: 'token' })
  await failsAs(t, ask(), 'unreachable', 'token')
  t.ok(broken.hits > 0)
})

t.test('a token host that is silent is bounded, and opens the repository only', async t => {
  const timeouts = { connectMs: 10_000, headersMs: 1_000, stallMs: 10_000 }
  const time = stopTime()
  const made = await makeCase(t, { kind: 'bearer' }, undefined, { timeouts }, time)
  const { registry, upstream } = made
  const silent = registry.fault({ do: 'freeze' }, { kind: 'token' })
  const ended = failsAs(t, askLatest(upstream, registry), 'unreachable', 'token')
  await registry.waitFor(() => silent.hits > 0)
  time.advance(2_000)
  await registry.waitFor(() => registry.count('ping') === 1)
  // What comes after the answer to the ping: that is heard by then.
  await (await fetch(registry.url)).text()
  time.advance(3_000)
  await ended
  t.equal(registry.count('manifest-tag'), 1, 'a challenge is an answer: nothing is lost')
  t.equal(upstream.endpoints()[0]?.state, 'closed')
  t.equal(upstream.reach(at(registry)).state, 'down')
})

t.test('a challenge is followed for blobs too', async t => {
  const { registry, upstream } = await makeCase(t, { kind: 'bearer' })
  const blob = await upstream.getBlob(at(registry), layer.digest, 5, never)
  t.equal(blob.offset, 5)
  await blob.body[Symbol.asyncIterator]().return?.()
})
