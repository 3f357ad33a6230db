import t from 'tap'
import { createRegistryReach } from '../../src/daemon/registry-reach.ts'
import type { Mode } from '../../src/ports/mode.ts'
import type { EndpointState } from '../../src/ports/upstream.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const clock = createMovableClock(Date.parse('2026-11-21T12:00:00Z'))
const endpoint = (state: EndpointState['state'], hasAnswered: boolean, downForMs?: number) => ({
  registry: 'reg.test',
  url: 'https://reg.test',
  state,
  hasAnswered,
  openRepositories: 0,
  lastFailure: undefined,
  lastFailureAtMs: undefined,
  downSinceMs: downForMs === undefined ? undefined : clock.wallMs() - downForMs,
})

const reach = (
  endpoints: readonly EndpointState[],
  { mode = 'auto', heardForMs }: { mode?: Mode; heardForMs?: number } = {},
) =>
  createRegistryReach({
    upstreams: {
      upstream: {
        isConfigured: registry => registry === 'reg.test',
        endpoints: () => endpoints,
        heardAtMs: () => (heardForMs === undefined ? undefined : clock.monotonicMs() - heardForMs),
      },
    },
    mode: () => mode,
    clock,
  })

t.test('a registry answers, is down, was not asked, or is not to be asked', async t => {
  const up = endpoint('closed', true)
  t.strictSame(reach([up], { heardForMs: 5_000 })('reg.test'), { state: 'answers', forMs: 5_000 })
  t.match(reach([up], { mode: 'offline' })('reg.test'), { state: 'offline' })
  t.match(reach([up])('other.test'), { state: 'unconfigured' })
  t.match(reach([endpoint('closed', false)])('reg.test'), { state: 'unheard' })
  const down = [endpoint('open', true, 60_000), endpoint('half-open', true, 20_000)]
  t.strictSame(reach(down)('reg.test'), { state: 'down', forMs: 20_000 }, 'since the last is')
  t.match(reach([...down, up])('reg.test'), { state: 'answers' }, 'by one of its endpoints')
  t.match(reach([{ ...up, registry: 'other.test' }, ...down])('reg.test'), { state: 'down' })
})
