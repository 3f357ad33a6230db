import t from 'tap'
import { createHealth } from '../../../src/adapters/registry/health.ts'
import { createVerdict } from '../../../src/adapters/registry/verdict.ts'
import { UpstreamFailure } from '../../../src/ports/errors.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { stopTime } from './support/stopped-time.ts'
import { endpointAt } from './support/transport.ts'

const repository = 'lab/app'
const tag = { repository, kind: 'manifest' } as const
const timeout = new UpstreamFailure('unreachable', 'timeout', 'said nothing')
const refused = new UpstreamFailure('unreachable', 'connect', 'nobody there')
const broken = new UpstreamFailure('unreachable', 'status', 'answered 500')

function makeHealth(closing = new AbortController().signal, mayProbe = () => true) {
  const time = stopTime()
  const recovered: (string | undefined)[] = []
  const asked: string[] = []
  const health = createHealth(
    {
      ...time,
      random: () => 0,
      closing,
      log: silentLog,
      ping: () => new Promise(() => {}),
      onRecovered: (_, name) => recovered.push(name),
      mayProbe,
    },
    endpointAt('http://registry.example'),
  )
  const again = (name: string) => () => {
    asked.push(name)
    return new Promise(() => {})
  }
  return { health, time, recovered, asked, again }
}

t.test('a deadline used up opens at once, other failures when there are two', async t => {
  const { health, again } = makeHealth()
  health.blame(tag, 'endpoint', refused, again('endpoint'))
  t.equal(health.isDown(), false)
  health.blame(tag, 'endpoint', refused, again('endpoint'))
  t.equal(health.isDown(), true)
  health.heard()
  health.blame(tag, 'endpoint', timeout, again('endpoint'))
  t.equal(health.isDown(), true)
})

t.test(
  'what is down is left in peace while nobody may be asked, and asked soon afterwards',
  async t => {
    const state = { isOffline: true }
    const { health, time, asked, again } = makeHealth(undefined, () => !state.isOffline)
    health.blame(tag, 'endpoint', timeout, again('endpoint'))
    for (let n = 0; n < 20; n += 1) time.advance(15_000)
    t.strictSame(asked, [])
    t.equal(health.isDown(), true)
    state.isOffline = false
    time.advance(15_000)
    t.strictSame(asked, ['endpoint'])
  },
)

t.test('a repository that is down is left in peace, too', async t => {
  const state = { isOffline: true }
  const { health, time, asked, again } = makeHealth(undefined, () => !state.isOffline)
  for (let n = 0; n < 2; n += 1) health.blame(tag, 'repository', broken, again('repository'))
  t.match(health.refusal(tag, false), { reason: 'known-down' })
  for (let n = 0; n < 20; n += 1) time.advance(15_000)
  t.strictSame(asked, [])
  state.isOffline = false
  time.advance(15_000)
  t.strictSame(asked, ['repository'])
})

t.test('a link that fails late opens at once', async t => {
  const { health, again } = makeHealth()
  health.blame(tag, 'endpoint', refused, again('endpoint'), true)
  t.equal(health.isDown(), true)
})

t.test('a blob may be late once: a registry may have to fetch it itself', async t => {
  const { health, again } = makeHealth()
  const blob = { repository, kind: 'blob' } as const
  health.blame(blob, 'repository', timeout, again('blob'))
  t.equal(health.refusal(blob, false), undefined)
  health.blame(blob, 'repository', timeout, again('blob'))
  t.match(health.refusal(blob, false), { reason: 'known-down' })
  t.equal(health.refusal(tag, false), undefined, 'and tags can be asked all the while')
})

t.test('while the endpoint is down only it is asked for, then all that waits', async t => {
  const { health, time, asked, again, recovered } = makeHealth()
  health.blame(tag, 'repository', broken, again('repository'))
  health.blame(tag, 'repository', broken, again('repository'))
  health.blame(tag, 'endpoint', timeout, again('endpoint'))
  time.advance(60_000)
  t.strictSame(asked, ['endpoint'])
  health.heard()
  t.strictSame(asked, ['endpoint', 'repository'])
  t.strictSame(recovered, [undefined])
  health.succeed(tag)
  t.strictSame(recovered, [undefined, repository])
})

t.test('once closed, nothing opens any more', async t => {
  const { health, time, again } = makeHealth(AbortSignal.abort())
  health.blame(tag, 'endpoint', timeout, again('endpoint'))
  health.pause(tag, 30_000)
  t.equal(health.isDown(), false)
  t.strictSame(time.waiting(), [])
})

t.test('a verdict', async t => {
  const make = () => {
    const made = makeHealth()
    return { ...made, verdict: createVerdict(made.health, tag, made.again('again')) }
  }
  const opened = ({ health }: ReturnType<typeof make>) => ({
    endpoint: health.isDown(),
    repositories: health.state().openRepositories,
  })

  t.test('silence is the endpoint', async t => {
    const made = make()
    made.verdict.silent(timeout)
    t.strictSame(opened(made), { endpoint: true, repositories: 0 })
  })

  t.test('silence on another host is the repository', async t => {
    const made = make()
    made.verdict.witness.left()
    made.verdict.silent(timeout)
    t.strictSame(opened(made), { endpoint: false, repositories: 1 })
  })

  t.test('another host that refuses is the repository too', async t => {
    const made = make()
    made.verdict.witness.left()
    made.verdict.failed(refused)
    made.verdict.failed(refused)
    t.strictSame(opened(made), { endpoint: false, repositories: 1 })
  })

  t.test('another host does not speak for the endpoint', async t => {
    const made = make()
    made.verdict.silent(timeout)
    made.verdict.witness.left()
    made.verdict.witness.heard()
    t.strictSame(opened(made), { endpoint: true, repositories: 0 })
    t.equal(made.verdict.wasHeard(), false)
  })

  t.test('silence after somebody was answered is the repository', async t => {
    const made = make()
    made.verdict.listen()
    made.health.heard()
    made.verdict.silent(timeout)
    t.strictSame(opened(made), { endpoint: false, repositories: 1 })
  })

  t.test('what was heard before it began to listen does not count', async t => {
    const made = make()
    made.health.heard()
    made.verdict.listen()
    made.verdict.silent(timeout)
    t.strictSame(opened(made), { endpoint: true, repositories: 0 })
  })

  t.test('the end of a silence that counted is no second failure', async t => {
    const made = make()
    made.verdict.silent(timeout)
    made.health.heard()
    made.verdict.failed(timeout)
    t.strictSame(opened(made), { endpoint: false, repositories: 0 })
  })
})
