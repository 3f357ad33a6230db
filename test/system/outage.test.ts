import t from 'tap'
import type { Fault } from '../support/registry-faults.ts'
import { ask, type Pulled, pull } from './support/client.ts'
import type { HoldfastNode } from './support/holdfast.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName, startWorld, type World } from './support/world.ts'

requireSystem()

// Worlds beside one another: most of it is waiting, for a deadline and for the question that notices the uplink's return.
t.jobs = 3

/** Settings a user would run with. Whoever waits for the registry and not for the deadline waits for ten seconds. */
const timeoutMs = 1_000
/** What bounds an answer: the deadline plus what a machine that stands still for a moment takes. */
const boundMs = timeoutMs + 5_000
/** Known down: an answer from memory. Less than the deadline. */
const fastMs = 500
/** Questions of which one is answered so fast; where each waits for the deadline, none is. */
const tries = 3
/** From the uplink's return to the first fresh image, pulled whole: two seconds between questions, and the rest for a busy machine. */
const freshMs = 12_000
/** What the registry asked for itself comes on top. */
const retryAfterMs = 5_000

/** Pulls until the registry is heard in time: its word of the tag is this digest. */
function pullOnline(node: HoldfastNode, digest: string, registry = registryName): Promise<Pulled> {
  return until(`${digest} is pulled from the registry`, async () => {
    const pulled = await pull(node.mirror, registry, 'app', 'latest')
    return pulled.source === 'upstream' && pulled.digest === digest && pulled
  })
}

interface Outage {
  readonly name: string
  readonly begin: (world: World) => void | Promise<void>
  /** Whether the fault was met: a test without its fault proves nothing. */
  readonly met?: (world: World) => boolean
}

const everywhere = (name: string, fault: Fault): Outage => ({
  name,
  begin: ({ uplink }) => {
    uplink.clearLog()
    uplink.fault(fault)
  },
  met: ({ uplink }) => uplink.log.length > 0,
})

const outages: readonly Outage[] = [
  {
    name: 'frozen before headers, connections accepted',
    begin: ({ uplink }) => uplink.freeze(),
  },
  everywhere('frozen in headers', { do: 'freeze', at: 'headers' }),
  everywhere('headers that dribble for ever', { do: 'dribble', everyMs: 50 }),
  everywhere('headers without end', { do: 'endless-headers' }),
  { name: 'refused', begin: ({ uplink }) => uplink.refuse() },
  everywhere('every connection reset', { do: 'reset' }),
  everywhere('bytes that are not HTTP', { do: 'not-http' }),
  everywhere('500', { do: 'status', status: 500 }),
  everywhere('503 with an OCI body', { do: 'status', status: 503, code: 'UNAVAILABLE' }),
  everywhere('429 with Retry-After', {
    do: 'status',
    status: 429,
    code: 'TOOMANYREQUESTS',
    headers: { 'retry-after': `${retryAfterMs / 1000}` },
  }),
  everywhere('a login page with 200', { do: 'portal' }),
  everywhere('a login page with 403', { do: 'portal', status: 403 }),
  everywhere('a login page with 404', { do: 'portal', status: 404 }),
  everywhere('a redirect to a login page', { do: 'portal', to: 'http://login.portal.invalid/' }),
  everywhere('401 without a challenge', { do: 'status', status: 401 }),
  everywhere('304', { do: 'status', status: 304 }),
  everywhere('a digest header that the body does not hash to', {
    do: 'headers',
    headers: { 'docker-content-digest': `sha256:${'0'.repeat(64)}` },
  }),
  everywhere('bodies of other bytes', { do: 'wrong-bytes' }),
]

for (const outage of outages) {
  t.test(`upstream ${outage.name}: the last known image is pulled within the deadline`, async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const image = await world.push('app', 'latest', { layers: [300_000, 5_000], salt: outage.name })
    // Where nobody waits for the deadline, what the registry says is not to be late.
    const resolve = { timeoutMs: isAnswering(outage) ? 5 * timeoutMs : timeoutMs }
    const node = await world.node({ config: { ...world.config, resolve } })
    const online = await pullOnline(node, image.digest)
    t.equal(online.headers['warning'], undefined, 'a fresh answer carries no warning')

    await outage.begin(world)
    const first = await pull(node.mirror, registryName, 'app', 'latest')
    t.equal(first.digest, image.digest)
    t.ok(first.headMs < boundMs, `discovered in ${first.headMs} ms`)
    if (outage.met !== undefined) t.ok(outage.met(world), 'the fault was met')
    if (outage.name !== 'bodies of other bytes') {
      t.equal(first.source, 'ledger')
      t.match(first.headers['warning'], /^299 - "/)
      t.match(first.headers['age'], /^\d+$/)
    }

    const second = await pull(node.mirror, registryName, 'app', 'latest')
    t.ok(second.headMs < boundMs, `second in ${second.headMs} ms`)
    const next: number[] = []
    for (let n = 0; n < tries; n++) {
      const { digest, headMs } = await pull(node.mirror, registryName, 'app', 'latest')
      t.equal(digest, image.digest)
      next.push(Math.round(headMs))
    }
    const limitMs = isAnswering(outage) ? boundMs : fastMs
    t.ok(Math.min(...next) < limitMs, `the next: ${next.join(', ')} ms`)

    const unknown = await ask(`${node.mirror}/v2/app/manifests/never?ns=${registryName}`, {
      method: 'HEAD',
    })
    t.equal(unknown.status, 404, 'what nobody has is a clear 404')
    t.ok(unknown.tookMs < boundMs, `clear failure in ${unknown.tookMs} ms`)

    const moved = await world.push('app', 'latest', { layers: [1_000], salt: `${outage.name} 2` })
    await world.uplink.accept()
    world.uplink.heal()
    const beganMs = performance.now()
    await until('fresh again', async () => {
      const pulled = await pull(node.mirror, registryName, 'app', 'latest')
      return pulled.digest === moved.digest && pulled.source === 'upstream'
    })
    const backMs = performance.now() - beganMs
    const backLimitMs = outage.name.startsWith('429') ? retryAfterMs + freshMs : freshMs
    t.ok(backMs < backLimitMs, `fresh ${Math.round(backMs)} ms after the uplink returned`)
  })
}

/** Faults that answer at once: nothing is slow, so nothing needs to be known down for speed. */
function isAnswering({ name }: Outage): boolean {
  return /^(500|503|429|a |40|30|bodies)/.test(name)
}

t.test(
  '401 with a challenge that no credential meets, 403 and 404 are denied by default',
  async t => {
    for (const [status, code, headers] of [
      [401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="lab"' }],
      [403, 'DENIED', {}],
      [404, 'MANIFEST_UNKNOWN', {}],
    ] as const) {
      const world = await startWorld()
      t.teardown(() => world.close())
      const image = await world.push('app', 'latest', { salt: `denied ${status}` })
      // A registry that is late is not heard.
      const resolve = { timeoutMs: 5_000 }
      const node = await world.node({ config: { ...world.config, resolve } })
      await pullOnline(node, image.digest)
      const fault = world.uplink.fault({ do: 'status', status, code, headers })
      const denied = await pull(node.mirror, registryName, 'app', 'latest')
      t.equal(
        denied.status,
        404,
        `${status}: containerd is sent to upstream with the pod's own credentials`,
      )
      t.equal(denied.headers['www-authenticate'], undefined, 'and is not challenged here')
      t.ok(fault.hits > 0)
    }
  },
)

t.test('policies can serve what upstream denies', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const image = await world.push('app', 'latest', { salt: 'policy' })
  const onFailure = { denied: 'serve', notFound: 'serve' }
  const node = await world.node({ config: { ...world.config, resolve: { onFailure } } })
  await pullOnline(node, image.digest)
  for (const [status, code] of [
    [403, 'DENIED'],
    [404, 'MANIFEST_UNKNOWN'],
  ] as const) {
    const fault = world.uplink.fault({ do: 'status', status, code })
    const served = await pull(node.mirror, registryName, 'app', 'latest')
    t.equal(served.digest, image.digest)
    t.equal(served.source, 'ledger')
    t.ok(fault.hits > 0)
    fault.heal()
  }
})

t.test(
  'upstream drops half of the requests: every pull of a known image works in time',
  async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const image = await world.push('app', 'latest', { layers: [2_000_000], salt: 'flaky' })
    const node = await world.node()
    await pullOnline(node, image.digest)
    const fault = world.uplink.fault({ do: 'flaky', every: 2 })
    for (let n = 0; n < 20; n++) {
      const pulled = await pull(node.mirror, registryName, 'app', 'latest')
      t.equal(pulled.digest, image.digest)
      t.ok(pulled.headMs < boundMs, `${pulled.source} in ${pulled.headMs} ms`)
    }
    t.ok(fault.hits > 0)
  },
)

t.test(
  'the body of a blob freezes: the transfer is cut in bounded time, and resumed when it thaws',
  async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const image = await world.push('app', 'latest', { layers: [3_000_000], salt: 'body' })
    const timeouts = { stallMs: 1_000 }
    const config = { upstreams: { [registryName]: { url: world.uplink.url, timeouts } } }
    const node = await world.node({ config })
    const layer = image.for('linux/amd64').layers[0]
    if (layer === undefined) throw new Error('no layer')
    const where = { kind: 'blob', item: layer.digest } as const
    const fault = world.uplink.fault({ do: 'freeze', at: 'body', afterBytes: 1_500_000 }, where)
    const beganMs = performance.now()
    await t.rejects(
      pull(node.mirror, registryName, 'app', 'latest'),
      'the client is cut, not left waiting',
    )
    const tookMs = performance.now() - beganMs
    t.ok(tookMs < 25_000, `cut after ${tookMs} ms`)
    t.ok(fault.hits > 0)
    fault.heal()
    world.uplink.heal()
    await until('the pull works again', () =>
      pull(node.mirror, registryName, 'app', 'latest').then(
        p => p.digest === image.digest,
        () => false,
      ),
    )
  },
)

t.test(
  'a tag moved upstream, but the uplink went before its blobs came: the previous image is served whole',
  async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const before = await world.push('app', 'latest', { layers: [50_000], salt: 'before' })
    const config = { ...world.config, store: { minFreeBytes: '1MiB', completeTags: false } }
    const node = await world.node({ config })
    await pullOnline(node, before.digest)
    const after = await world.push('app', 'latest', { layers: [60_000], salt: 'after' })
    await until('the move is seen', async () => {
      const head = await ask(`${node.mirror}/v2/app/manifests/latest?ns=${registryName}`, {
        method: 'HEAD',
      })
      return head.headers['docker-content-digest'] === after.digest
    })
    world.uplink.freeze()
    await until('the outage is known', async () => {
      const answer = await ask(`${node.mirror}/v2/app/manifests/latest?ns=${registryName}`)
      return answer.headers['docker-content-digest'] === before.digest
    })
    const pulled = await pull(node.mirror, registryName, 'app', 'latest')
    t.equal(pulled.digest, before.digest)
    t.equal(pulled.source, 'history')
  },
)

t.test(
  'the registry is alive but its blob host is cut off: the previous image is served',
  async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const before = await world.push('app', 'latest', { layers: [50_000], salt: 'host before' })
    const timeouts = { headersMs: 1_000, stallMs: 1_000 }
    const upstreams = { [registryName]: { url: world.uplink.url, timeouts } }
    const node = await world.node({ config: { upstreams } })
    await pullOnline(node, before.digest)
    const fault = world.uplink.fault({ do: 'freeze' }, { kind: 'blob' })
    await world.push('app', 'latest', { layers: [60_000], salt: 'host after' })
    await until('the previous image is served', async () => {
      const pulled = await pull(node.mirror, registryName, 'app', 'latest').catch(() => undefined)
      return pulled?.digest === before.digest
    })
    t.ok(fault.hits > 0)
  },
)

t.test(
  'upstream alive but slower than the deadline becomes fresh without anyone waiting',
  async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const before = await world.push('app', 'latest', { layers: [50_000], salt: 'slow before' })
    const node = await world.node()
    await pullOnline(node, before.digest)
    const after = await world.push('app', 'latest', { layers: [60_000], salt: 'slow after' })
    const fault = world.uplink.fault({ do: 'slow', delayMs: 2_000 })
    const first = await pull(node.mirror, registryName, 'app', 'latest')
    t.equal(first.digest, before.digest)
    t.ok(first.headMs < boundMs, `${first.headMs} ms`)
    await until('the late answer is known', async () => {
      const head = await ask(`${node.mirror}/v2/app/manifests/latest?ns=${registryName}`, {
        method: 'HEAD',
      })
      t.ok(head.tookMs < boundMs, `${head.tookMs} ms`)
      return head.headers['docker-content-digest'] === after.digest
    })
    t.ok(fault.hits > 0)
  },
)

t.test('two registries of which one is dead: the other does not wait', async t => {
  const dead = await startWorld()
  const alive = await startWorld()
  t.teardown(() => Promise.all([dead.close(), alive.close()]))
  const gone = await dead.push('app', 'latest', { salt: 'dead' })
  const image = await alive.push('app', 'latest', { salt: 'alive' })
  const upstreams = { 'dead.lab': { url: dead.uplink.url }, 'alive.lab': { url: alive.uplink.url } }
  const resolve = { timeoutMs: 4_000 }
  const node = await alive.node({ config: { upstreams, resolve } })
  await pullOnline(node, gone.digest, 'dead.lab')
  dead.uplink.freeze()
  const first = await Promise.race([
    pull(node.mirror, 'dead.lab', 'app', 'latest'),
    pull(node.mirror, 'alive.lab', 'app', 'latest'),
  ])
  t.match(first, { digest: image.digest, source: 'upstream' })
})

t.test('a rollback upstream is followed', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const node = await world.node()
  const a = await world.push('app', 'latest', { salt: 'a' })
  await pullOnline(node, a.digest)
  const b = await world.push('app', 'latest', { salt: 'b' })
  await pullOnline(node, b.digest)
  await world.push('app', 'latest', { salt: 'a' })
  await pullOnline(node, a.digest)
  world.uplink.freeze()
  t.equal((await pull(node.mirror, registryName, 'app', 'latest')).digest, a.digest, 'offline too')
})

t.test('a restart while offline changes nothing', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const image = await world.push('app', 'latest', { layers: [300_000], salt: 'restart' })
  const node = await world.node()
  await pullOnline(node, image.digest)
  world.uplink.freeze()
  t.equal(await node.stop(), 0)
  const again = await world.node()
  const first = await pull(again.mirror, registryName, 'app', 'latest')
  t.equal(first.digest, image.digest)
  t.equal(first.source, 'ledger')
  t.ok(first.headMs < boundMs, `${first.headMs} ms`)
})

t.test('an index held for one platform only is answered for that platform', async t => {
  const world = await startWorld()
  t.teardown(() => world.close())
  const image = await world.push('app', 'latest', { layers: [40_000], salt: 'platforms' })
  const node = await world.node({ config: { ...world.config, platforms: ['linux/amd64'] } })
  await pullOnline(node, image.digest)
  world.uplink.freeze()
  t.equal((await pull(node.mirror, registryName, 'app', 'latest')).digest, image.digest)
  await node.stop()
  const arm = await world.node({ config: { ...world.config, platforms: ['linux/arm64'] } })
  const refused = await pull(arm.mirror, registryName, 'app', 'latest', 'arm64')
  t.equal(refused.status, 404, 'what this node cannot use is not answered')
})
