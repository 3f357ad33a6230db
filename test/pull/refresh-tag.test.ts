import t from 'tap'
import { UpstreamFailure } from '../../src/ports/errors.ts'
import type { Mode } from '../../src/ports/mode.ts'
import type { Confirmed } from '../../src/pull/ask-upstream.ts'
import { createRefreshTag } from '../../src/pull/refresh-tag.ts'
import { answer, image, nginx, today } from '../ports/tag-ledger.support.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const endpoint = 'https://registry-1.docker.io'
const { signal } = new AbortController()

/** A registry that says what it is told to. */
function open(say: () => Promise<string>) {
  const clock = createMovableClock(today)
  const ledger = createMemoryLedger({ clock })
  const state: { mode: Mode; asked: number } = { mode: 'auto', asked: 0 }
  const refresh = createRefreshTag(
    {
      ledger,
      upstream: { isConfigured: registry => registry === 'docker.io' },
      mode: () => state.mode,
      async askUpstream(key) {
        state.asked++
        const told = async (): Promise<Confirmed> => {
          const name = await say()
          clock.pass(20)
          await answer(ledger, name, { key, dateMs: clock.wallMs() })
          return { ...image(name), endpoint, confirmedAtMs: today }
        }
        return { answer: told(), named: () => undefined }
      },
      clock,
    },
    { timeoutMs: 50 },
  )
  return { ledger, state, refresh }
}

t.test('what the registry says is told beside what was known', async t => {
  let name = 'a'
  const { refresh } = open(async () => name)
  t.match(await refresh(nginx, signal), {
    outcome: 'new',
    before: undefined,
    after: image('a').digest,
    saidBy: endpoint,
    tookMs: 20,
  })
  const unchanged = { outcome: 'unchanged', before: image('a').digest, after: image('a').digest }
  t.match(await refresh(nginx, signal), unchanged)
  name = 'b'
  t.match(await refresh(nginx, signal), {
    outcome: 'moved',
    before: image('a').digest,
    after: image('b').digest,
    reason: 'the registry said so just now',
    failure: undefined,
  })
})

t.test('a registry that fails, or is late, changes nothing', async t => {
  const failing = open(async () => {
    throw new UpstreamFailure('not-found', 'status', 'there is no such tag')
  })
  await answer(failing.ledger, 'a', { dateMs: today })
  t.match(await failing.refresh(nginx, signal), {
    outcome: 'failed',
    before: image('a').digest,
    after: image('a').digest,
    failure: 'not-found',
    reason: 'there is no such tag',
    saidBy: undefined,
  })
  const late = open(() => new Promise(() => {}))
  t.match(await late.refresh(nginx, signal), {
    outcome: 'late',
    after: undefined,
    reason: /no answer within 50 ms/,
  })
})

t.test('who may not ask does not', async t => {
  const { refresh, state } = open(async () => 'a')
  const elsewhere = { ...nginx, registry: 'quay.io' }
  t.match(await refresh(elsewhere, signal), {
    outcome: 'not-asked',
    reason: /quay.io is not configured/,
  })
  state.mode = 'offline'
  t.match(await refresh(nginx, signal), {
    outcome: 'not-asked',
    reason: /mode is offline.*holdfast mode auto/,
  })
  t.equal(state.asked, 0)
})

t.test('a fault of ours is no answer', async t => {
  const { refresh } = open(async () => {
    throw new TypeError('ours')
  })
  await t.rejects(refresh(nginx, signal), TypeError)
})
