import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { Digest } from '../../src/oci/digest.ts'
import type { Resolved } from '../../src/pull/resolution.ts'
import { failure } from '../support/fake-upstream.ts'
import { key, openLadder } from '../support/ladder-parts.ts'
import { watchWaiting } from '../support/waited.ts'

type Ladder = ReturnType<typeof openLadder>

function open(t: Test, options?: Parameters<typeof openLadder>[0]): Ladder {
  const ladder = openLadder(options)
  t.teardown(() => ladder.close())
  return ladder
}

/** Online, an image whole in the store, then whatever comes. */
async function withImage(
  t: Test,
  salt = 'one',
  options?: Parameters<typeof open>[1],
): Promise<{ ladder: Ladder; digest: Digest }> {
  const ladder = open(t, options)
  const digest = ladder.publish(salt)
  await ladder.resolve()
  ladder.complete(digest)
  return { ladder, digest }
}

async function answered(ladder: Ladder, asking?: 'HEAD' | 'GET' | 'explain'): Promise<Resolved> {
  const answer = await ladder.resolve(asking)
  if (!answer.found) throw new Error(answer.reason)
  return answer
}

const never = () => new Promise<never>(() => {})

t.test('online means fresh: every question goes to the registry', async t => {
  const { ladder, digest } = await withImage(t)
  const first = await answered(ladder)
  t.match(first, { digest, source: 'upstream', fresh: true, ageSeconds: undefined })
  const moved = ladder.publish('two')
  t.match(await answered(ladder), { digest: moved, source: 'upstream' })
  t.equal(ladder.upstream.count('resolveTag'), 3)
})

t.test('a confirmation younger than freshForMs is answered without asking', async t => {
  const { ladder, digest } = await withImage(t)
  ladder.set({ settings: { freshForMs: 10_000 } })
  ladder.clock.pass(9_999)
  t.match(await answered(ladder), { digest, source: 'memory', fresh: false, ageSeconds: 9 })
  t.equal(ladder.upstream.count('resolveTag'), 1)
  ladder.clock.pass(1)
  t.equal((await answered(ladder)).source, 'upstream')
})

t.test(
  'fresh memory never answers what cannot be had: incomplete while upstream is down',
  async t => {
    const { ladder, digest } = await withImage(t)
    ladder.set({ settings: { freshForMs: 10_000 } })
    ladder.lose(digest)
    t.equal((await answered(ladder)).source, 'memory', 'upstream can deliver the rest')
    ladder.down()
    t.equal((await ladder.resolve()).found, false)
  },
)

t.test(
  'a silent registry costs the deadline and not more; memory answers with its age',
  async t => {
    const { ladder, digest } = await withImage(t)
    ladder.clock.pass(61_000)
    ladder.upstream.answer('resolveTag', never)
    const beganMs = performance.now()
    const waitedMs = watchWaiting()
    const answer = await answered(ladder)
    t.ok(performance.now() - beganMs >= 55)
    t.ok(waitedMs() < 300)
    t.match(answer, {
      digest,
      source: 'ledger',
      fresh: false,
      failure: 'unreachable',
      ageSeconds: 61,
    })
    t.same(ladder.refreshed, [key], 'it is asked again behind')
    await ladder.resolve('explain', key, { leavesRest: true })
    t.same(ladder.refreshed[1], { ...key, leavesRest: true }, 'for who leaves the rest, without it')
  },
)

t.test('what is known to be down is not asked', async t => {
  const { ladder, digest } = await withImage(t)
  ladder.down()
  t.match(await answered(ladder), { digest, source: 'ledger' })
  t.equal(ladder.upstream.count('resolveTag'), 1)
})

t.test('mode offline asks nobody, mode online asks also what is down', async t => {
  const { ladder, digest } = await withImage(t)
  ladder.set({ mode: 'offline' })
  t.match(await answered(ladder), { digest, source: 'ledger' })
  t.equal(ladder.upstream.count('resolveTag'), 1)
  ladder.down()
  ladder.set({ mode: 'online' })
  t.match(await answered(ladder), { digest, source: 'upstream' })
  t.equal(ladder.upstream.count('resolveTag'), 2)
})

t.test('an answer from memory says why it is not fresh', async t => {
  const { ladder } = await withImage(t)
  ladder.upstream.next('resolveTag', () => Promise.reject(failure('rate-limited')))
  t.equal(
    (await answered(ladder)).reason,
    'last known digest; the registry takes no more requests for now',
  )
  ladder.down()
  t.equal((await answered(ladder)).reason, 'last known digest; the registry cannot be reached')
  ladder.set({ mode: 'offline' })
  t.equal((await answered(ladder)).reason, 'last known digest; mode is offline')
})

t.test('each class of failure follows its policy', async t => {
  const { ladder, digest } = await withImage(t)
  for (const code of ['unreachable', 'rate-limited', 'clock'] as const) {
    ladder.upstream.next('resolveTag', () => Promise.reject(failure(code)))
    t.match(await answered(ladder), { digest, source: 'ledger', failure: code }, code)
  }
  for (const code of ['denied', 'not-found'] as const) {
    ladder.upstream.next('resolveTag', () => Promise.reject(failure(code)))
    t.match(await ladder.resolve(), { found: false, failure: code }, `${code} is denied`)
  }
  ladder.set({
    settings: {
      policies: { unreachable: 'deny', rateLimited: 'deny', denied: 'serve', notFound: 'serve' },
    },
  })
  for (const code of ['denied', 'not-found', 'clock'] as const) {
    ladder.upstream.next('resolveTag', () => Promise.reject(failure(code)))
    t.match(await answered(ladder), { digest, source: 'ledger' }, `${code} may be served`)
  }
  for (const code of ['unreachable', 'rate-limited'] as const) {
    ladder.upstream.next('resolveTag', () => Promise.reject(failure(code)))
    t.match(await ladder.resolve(), { found: false, failure: code }, `${code} may be denied`)
  }
  ladder.down()
  t.match(await ladder.resolve(), { found: false }, 'known down is unreachable, too')
})

t.test('the newest known digest is not complete: the newest one that is answers', async t => {
  const { ladder, digest } = await withImage(t)
  ladder.clock.pass(1_000)
  const second = ladder.publish('two')
  await ladder.resolve()
  ladder.complete(second)
  ladder.clock.pass(1_000)
  ladder.publish('three')
  await ladder.resolve()
  ladder.down()
  t.match(await answered(ladder), { digest: second, source: 'history' })
  ladder.lose(second)
  t.match(await answered(ladder), { digest, source: 'history' })
  ladder.lose(digest)
  t.match(await ladder.resolve(), { found: false })
})

t.test(
  'what is verified and still on its way to the disk is waited for, within the deadline',
  async t => {
    const { ladder, digest } = await withImage(t)
    ladder.lose(digest)
    ladder.down()
    const disk = Promise.withResolvers<void>()
    ladder.settling(disk.promise)
    const asked = answered(ladder)
    ladder.complete(digest)
    disk.resolve()
    t.match(await asked, { digest, source: 'ledger' })

    ladder.lose(digest)
    ladder.settling(new Promise(() => {}))
    t.match(await ladder.resolve(), { found: false }, 'a disk that hangs holds up nobody for long')
  },
)

t.test(
  'a disk that hangs costs no second deadline after the one that upstream used up',
  async t => {
    const { ladder, digest } = await withImage(t, 'one', { timeoutMs: 5_000 })
    ladder.lose(digest)
    ladder.settling(new Promise(() => {}))
    ladder.upstream.next('resolveTag', () => {
      ladder.clock.pass(5_000)
      return Promise.reject(failure('unreachable'))
    })
    const waitedMs = watchWaiting()
    t.match(await ladder.resolve(), { found: false })
    t.ok(waitedMs() < 2_500)
  },
)

t.test('a digest is answered only after its manifest came', async t => {
  const ladder = open(t, { timeoutMs: 300 })
  const digest = ladder.publish('one')
  let asked = false
  ladder.upstream.next('getManifest', async (repository, wanted, signal) => {
    asked = true
    return ladder.upstream.getManifest(repository, wanted, signal)
  })
  t.match(await answered(ladder), { digest, source: 'upstream' })
  t.ok(asked)
  t.equal(ladder.ledger.live(key)?.digest, digest)
})

t.test(
  'a manifest that fails sends the question down the ladder and is not believed for a while',
  async t => {
    const { ladder, digest } = await withImage(t)
    const broken = ladder.publish('broken')
    ladder.upstream.answer('getManifest', () => Promise.reject(failure('unreachable')))
    t.match(await answered(ladder), { digest, source: 'ledger', failure: 'unreachable' })
    t.ok(ladder.suspects.has(broken))
    t.equal(ladder.ledger.live(key)?.digest, digest, 'it was not recorded')
  },
)

t.test(
  'a manifest that is merely late: the digest is answered, and recorded when the manifest is there',
  async t => {
    const ladder = open(t)
    const digest = ladder.publish('late')
    const gate = Promise.withResolvers<void>()
    ladder.upstream.next('getManifest', async (repository, wanted, signal) => {
      await gate.promise
      return ladder.upstream.getManifest(repository, wanted, signal)
    })
    t.match(await answered(ladder), { digest, source: 'upstream' })
    t.equal(ladder.ledger.live(key), undefined)
    const changed = new Promise<void>(resolve => ladder.ledger.onChanged(() => resolve()))
    gate.resolve()
    await changed
    t.equal(ladder.ledger.live(key)?.digest, digest)
  },
)

t.test(
  'a GET wants the manifest itself: one that is late gives way to what is complete',
  async t => {
    const { ladder, digest } = await withImage(t, 'one', { timeoutMs: 300 })
    const late = ladder.publish('late')
    ladder.upstream.answer('getManifest', () => new Promise(() => {}))
    t.match(await ladder.resolve('GET'), { digest, source: 'ledger', failure: 'unreachable' })
    t.match(await ladder.resolve(), { digest: late, source: 'upstream' }, 'a HEAD does not')
    const policies = {
      unreachable: 'deny',
      rateLimited: 'serve',
      denied: 'deny',
      notFound: 'deny',
    } as const
    ladder.set({ settings: { policies } })
    t.match(await ladder.resolve('GET'), { digest: late }, 'nor does a policy that forbids it')
    ladder.lose(digest)
    t.match(await ladder.resolve('GET'), { digest: late }, 'with nothing else, its word')
  },
)

t.test(
  'what upstream names but could not deliver a moment ago gives way to what is complete',
  async t => {
    const { ladder, digest } = await withImage(t)
    const moved = ladder.publish('two')
    await ladder.resolve()
    ladder.suspects.add(moved)
    t.match(await answered(ladder), { digest, source: 'history', failure: 'unreachable' })
    ladder.lose(digest)
    t.match(
      await answered(ladder),
      { digest: moved, source: 'upstream' },
      'with nothing else, its word',
    )
    ladder.complete(moved)
    t.match(await answered(ladder), { digest: moved, source: 'upstream' })
  },
)

t.test(
  'slow is not dead: a late answer is remembered, then served at once and refreshed behind',
  async t => {
    const { ladder, digest } = await withImage(t)
    const moved = ladder.publish('two')
    const gate = Promise.withResolvers<void>()
    ladder.upstream.next('resolveTag', async (asked, options) => {
      await gate.promise
      ladder.clock.pass(2_000)
      return ladder.upstream.resolveTag(asked, options)
    })
    t.match(await answered(ladder), { digest, source: 'ledger' }, 'nobody waits')
    const learned = ladder.learned()
    gate.resolve()
    await learned
    const asked = ladder.upstream.count('resolveTag')
    const behind = ladder.refreshed.length
    t.match(await answered(ladder), { digest: moved, source: 'memory' })
    t.equal(ladder.upstream.count('resolveTag'), asked, 'answered without asking')
    t.equal(ladder.refreshed.length, behind + 1, 'and refreshed behind')
    ladder.clock.pass(30_000)
    t.equal((await answered(ladder)).source, 'upstream', 'an answer in time')
    ladder.clock.pass(1_000)
    t.equal((await answered(ladder)).source, 'upstream', 'ends the slowness')
  },
)

t.test('patience has the word of the registry itself, however late', async t => {
  const { ladder } = await withImage(t)
  const moved = ladder.publish('two')
  ladder.upstream.next('resolveTag', async (asked, options) => {
    await delay(100) // a client goes after 60 ms
    ladder.clock.pass(2_000)
    return ladder.upstream.resolveTag(asked, options)
  })
  const patient = () => ladder.resolve('explain', key, { isPatient: true })
  t.match(await patient(), { digest: moved, source: 'upstream' })
  const last = ladder.publish('three')
  t.match(await answered(ladder), { digest: moved, source: 'memory' }, 'it is known to be slow')
  t.match(await patient(), { digest: last, source: 'upstream' })
})

t.test('clients hold it: a HEAD is answered, a GET is not', async t => {
  const ladder = open(t)
  const digest = ladder.publish('held')
  const first = await answered(ladder)
  ladder.ledger.setHeldByClients(key, first)
  ladder.down()
  t.match(await answered(ladder), {
    digest,
    source: 'asked',
    mediaType: first.mediaType,
    size: first.size,
  })
  t.match(await ladder.resolve('GET'), { found: false })
})

t.test('what other nodes hold is answered, what nobody has is not', async t => {
  const { publish, resolve, down, complete, elsewhere, lose } = open(t)
  const older = publish('older')
  await resolve()
  const newer = publish('newer')
  await resolve()
  down()
  complete(older)
  t.match(await resolve(), { digest: older, source: 'history', reason: /complete here/ })
  elsewhere(newer)
  t.match(await resolve(), { digest: newer, source: 'ledger', reason: /other nodes hold/ })
  complete(newer)
  t.match(await resolve(), { digest: newer, source: 'ledger', reason: /^last known digest;/ })
  lose(older)
})

t.test('an older image that only other nodes hold is answered, too', async t => {
  const { publish, resolve, down, elsewhere } = open(t)
  const older = publish('older')
  await resolve()
  publish('newer')
  await resolve()
  down()
  t.match(await resolve('GET'), { found: false })
  elsewhere(older)
  t.match(await resolve('GET'), { digest: older, source: 'history', reason: /other nodes hold/ })
})

t.test('a rule lets the newest complete image of the repository stand in', async t => {
  const { ladder, digest } = await withImage(t)
  ladder.down()
  const other = { ...key, tag: 'v2' }
  t.match(await ladder.resolve('HEAD', other), { found: false }, 'off by default')
  ladder.set({ settings: { newestInRepository: true } })
  t.match(await ladder.resolve('HEAD', other), { digest, source: 'repository' })
})

t.test('a pin wins over everything, and is refused rather than replaced', async t => {
  const { ladder, digest } = await withImage(t)
  const target = await answered(ladder)
  await ladder.ledger.setPin(key, target, { author: 'ops' })
  const moved = ladder.publish('two')
  t.match(await answered(ladder), { digest, source: 'pin' })
  ladder.down()
  t.match(await answered(ladder), { digest, source: 'pin' })
  ladder.lose(digest)
  t.match(await ladder.resolve(), { found: false, reason: /pin not held/ })
  ladder.upstream.recover('reg.test')
  t.match(await answered(ladder), { digest, source: 'pin' }, 'to be had from upstream')
  ladder.set({ mode: 'offline' })
  t.match(await ladder.resolve(), { found: false })
  ladder.ledger.setHeldByClients(key, target)
  t.match(await answered(ladder), { digest, source: 'pin' }, 'clients hold it')
  ladder.set({ mode: 'auto' })
  await ladder.ledger.removePin(key)
  t.match(await answered(ladder), { digest: moved, source: 'upstream' })
})

t.test('a registry that is not configured is refused with the key that would allow it', async t => {
  const ladder = open(t)
  ladder.upstream.setReach('reg.test', { state: 'unconfigured' })
  t.match(await ladder.resolve(), {
    found: false,
    reason: /reg\.test is not configured.*upstreams/,
  })
})

t.test('an explanation tells every rung that was tried', async t => {
  const { ladder, digest } = await withImage(t)
  ladder.publish('two')
  await ladder.resolve()
  ladder.down()
  const { steps } = await answered(ladder, 'explain')
  t.same(
    steps.map(step => step.rung),
    ['pin', 'upstream', 'ledger', 'history'],
  )
  t.match(steps.at(-1)?.outcome, digest)
  t.same((await answered(ladder)).steps, [], 'a client’s question keeps none')
})

t.test('a pin that is slow to come costs the deadline and not more', async t => {
  const { ladder, digest } = await withImage(t)
  await ladder.ledger.setPin(key, await answered(ladder), {})
  ladder.lose(digest)
  const askedMs = async () => {
    const waitedMs = watchWaiting()
    t.match(await ladder.resolve(), { found: false, reason: /pin not held/ })
    return waitedMs()
  }
  ladder.upstream.answer('getManifest', never)
  const askedBefore = ladder.upstream.count('getManifest')
  const fromUpstreamMs = await askedMs()
  t.ok(fromUpstreamMs < 300, `upstream is silent: ${fromUpstreamMs} ms`)
  t.equal(ladder.upstream.count('getManifest'), askedBefore + 1)
  ladder.down()
  ladder.settling(never())
  const fromDiskMs = await askedMs()
  t.ok(fromDiskMs < 300, `the disk is slow: ${fromDiskMs} ms`)
})

t.test(
  'a client is told of a new digest when it is written down, of a known one at once',
  async t => {
    const ladder = open(t, { timeoutMs: 5_000 })
    const { ledger } = ladder
    const gate = Promise.withResolvers<void>()
    const { observeUpstream } = ledger
    const slowly: typeof observeUpstream = async asked => {
      await gate.promise
      return observeUpstream(asked)
    }
    Object.assign(ledger, { observeUpstream: slowly })
    const digest = ladder.publish('one')
    let isTold = false
    const telling = answered(ladder).finally(() => {
      isTold = true
    })
    await ladder.upstream.until(() => ladder.upstream.count('getManifest') > 0)
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate)
    t.notOk(isTold)
    gate.resolve()
    t.equal((await telling).digest, digest)
    t.equal(ledger.live(key)?.digest, digest)

    Object.assign(ledger, { observeUpstream: never })
    const waitedMs = watchWaiting()
    t.match(await answered(ladder), { digest, source: 'upstream' })
    t.ok(waitedMs() < 2_000, 'long before the deadline')
  },
)

t.test('a client that goes ends its waiting, not the question', async t => {
  const ladder = open(t, { timeoutMs: 2_000 })
  const digest = ladder.publish('one')
  const gate = Promise.withResolvers<void>()
  ladder.upstream.next('resolveTag', async (asked, options) => {
    await gate.promise
    t.notOk(options.signal.aborted)
    return ladder.upstream.resolveTag(asked, options)
  })
  const client = new AbortController()
  const waiting = ladder.resolveAs(client.signal)
  client.abort()
  await t.rejects(waiting)
  const changed = new Promise<void>(resolve => ladder.ledger.onChanged(() => resolve()))
  gate.resolve()
  await changed
  t.equal(ladder.ledger.live(key)?.digest, digest)
})

t.test('an explanation tells what a block took away', async t => {
  const ladder = open(t)
  const digest = ladder.publish('one')
  ladder.set({ mode: 'offline' })
  const outcomes = async () => {
    const { steps } = await ladder.resolve('explain')
    return Object.fromEntries(steps.map(({ rung, outcome }) => [rung, outcome]))
  }
  t.match(await outcomes(), { pin: 'no pin', ledger: 'the tag was never seen' })
  ladder.loseToBlock({ digest, isPin: true })
  t.match(await outcomes(), {
    pin: `pinned to ${digest}, which is blocked; \`holdfast unblock\` lifts that`,
    ledger: /^nothing that is known of the tag may be served: .* `holdfast unblock`/,
  })
  ladder.loseToBlock({ digest, isPin: false })
  t.match(await outcomes(), { pin: 'no pin', ledger: /^nothing that is known of the tag may be/ })
})

t.test('an explanation tells until when a tag was pinned', async t => {
  const ladder = open(t)
  const digest = ladder.publish('one')
  const expiresAtMs = Date.parse('2026-11-29T05:10:08Z')
  const pin = {
    key,
    target: { digest, mediaType: 'application/vnd.oci.image.manifest.v1+json', size: 1 },
    stamp: { wallMs: expiresAtMs - 1_000, counter: 0 },
    ...{ origin: 'a', note: undefined, author: undefined, expiresAtMs },
  } as const
  const told = async () => (await ladder.resolve('explain')).steps[0]?.outcome
  ladder.sayOfPins({ ...pin, standing: 'expired' })
  t.equal(await told(), `pinned to ${digest} until 2026-11-29T05:10:08.000Z, which is over`)
  ladder.sayOfPins({ ...pin, standing: 'removed', target: undefined })
  t.equal(await told(), 'no pin')
})

t.test('what is blocked is no answer, even while the registry names it', async t => {
  const { ladder, digest } = await withImage(t)
  const moved = ladder.publish('two')
  ladder.complete(moved)
  t.equal((await answered(ladder)).digest, moved)
  ladder.block(moved, true)
  const answer = await answered(ladder, 'explain')
  t.match(answer, { digest, source: 'ledger', fresh: false, reason: /is blocked$/ })
  t.match(
    answer.steps.find(({ rung }) => rung === 'upstream'),
    { outcome: /names .* which is blocked/ },
  )
  ladder.set({ settings: { freshForMs: 10_000 } })
  t.equal((await answered(ladder)).digest, digest, 'nor out of fresh memory')

  ladder.lose(digest)
  t.match(await ladder.resolve(), { found: false, reason: /is blocked; nothing else is held/ })
  ladder.block(moved, false)
  t.equal((await answered(ladder)).digest, moved, 'until it is lifted')
})
