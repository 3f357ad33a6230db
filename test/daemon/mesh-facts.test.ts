import t, { type Test } from 'tap'
import { reachedOf, watchFacts } from '../../src/daemon/mesh-facts.ts'
import type { Mode } from '../../src/ports/mode.ts'
import type { EndpointState } from '../../src/ports/upstream.ts'
import { configIn } from '../support/start-node.ts'

const usage = { blobBytes: 40, partialBytes: 0, blobs: 1, freeBytes: 1_000, totalBytes: 2_000 }

function endpointOf(registry: string, state: Partial<EndpointState> = {}): EndpointState {
  const unheard = { state: 'closed', hasAnswered: false, openRepositories: 0 } as const
  const noFailure = { lastFailure: undefined, lastFailureAtMs: undefined, downSinceMs: undefined }
  return { registry, url: `https://${registry}`, ...noFailure, ...unheard, ...state }
}

async function open(t: Test) {
  const config = await configIn(t.testdir(), { store: { quotaBytes: 100 } })
  const state = { mode: 'auto' as Mode, endpoints: [] as readonly EndpointState[], tried: 0 }
  const facts = await watchFacts(config, {
    content: { store: { usage: async () => usage } },
    upstreams: {
      upstream: {
        endpoints: () => state.endpoints,
        tryUnheard() {
          state.tried += 1
        },
      },
    },
    mode: () => state.mode,
    keys: { current: () => [], onChange: () => () => {} },
    records: { count: () => 7 },
    network: { addresses: () => ['10.0.0.1'] },
    peerAddress: { host: '0.0.0.0', port: 5052 },
    meshAddress: { host: '0.0.0.0', port: 5053 },
    sync: () => undefined,
  })
  t.teardown(() => facts.close())
  return { state, facts }
}

t.test('a node says where it is found and how much it has room for', async t => {
  const { facts } = await open(t)
  t.match(facts.read(), {
    peerAddresses: ['10.0.0.1:5052'],
    meshAddresses: ['10.0.0.1:5053'],
    records: 7,
    roomBytes: 60,
    ledgerRoot: '',
  })
})

t.test(
  'it says that it reaches registries that answered it and are not down, no others',
  async t => {
    const { state, facts } = await open(t)
    t.equal(state.tried, 1, 'it finds out at the start')
    state.endpoints = [
      endpointOf('b.test', { hasAnswered: true }),
      endpointOf('never-tried.test'),
      endpointOf('down.test', { hasAnswered: true, state: 'open' }),
      endpointOf('a.test', { hasAnswered: true, state: 'half-open' }),
      endpointOf('a.test', { hasAnswered: true }),
    ]
    t.strictSame(facts.read().upstreams, ['a.test', 'b.test'])
    state.mode = 'offline'
    t.strictSame(facts.read().upstreams, [])
  },
)

t.test('what it reaches by and by is told', async t => {
  const { state, facts } = await open(t)
  // The node's own timers keep no process alive.
  const awake = setInterval(() => {}, 1_000)
  t.teardown(() => clearInterval(awake))
  const told = new Promise<void>(resolve => facts.onChange(resolve))
  state.endpoints = [endpointOf('a.test', { hasAnswered: true })]
  await told
  t.strictSame(facts.read().upstreams, ['a.test'])
})

const heard = (registry: string, state: EndpointState['state'] = 'closed') =>
  endpointOf(registry, { hasAnswered: true, state })

t.test('a registry is reached as long as one of its endpoints is not known to be down', async t => {
  const endpoints = [heard('b.test'), heard('a.test', 'open'), heard('a.test')]
  t.strictSame(reachedOf(endpoints, false), ['a.test', 'b.test'])
  t.strictSame(reachedOf([heard('a.test', 'half-open')], false), [])
})

t.test('who may ask any registry says so before the first question', async t => {
  t.strictSame(reachedOf([], true), ['*'])
  t.strictSame(reachedOf([heard('a.test')], true), ['*', 'a.test'])
  t.strictSame(reachedOf([], false), [])
})

t.test('but not while one is known to be down, or none has answered', async t => {
  t.strictSame(reachedOf([heard('a.test', 'open'), heard('b.test')], true), ['b.test'])
  t.strictSame(reachedOf([endpointOf('a.test')], true), [])
  t.strictSame(reachedOf([endpointOf('a.test'), heard('b.test')], true), ['*', 'b.test'])
})
