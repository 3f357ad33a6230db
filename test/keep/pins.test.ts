import t from 'tap'
import { createPins, type PinParts, type PinTerms, type PinWish } from '../../src/keep/pins.ts'
import type { PinState } from '../../src/ports/pin-book.ts'
import type { Observation, Target } from '../../src/ports/tag-ledger.ts'
import { image, nginx, today } from '../ports/tag-ledger.support.ts'

const terms: PinTerms = { copies: 1, check: () => {}, signal: new AbortController().signal }
const wish: PinWish = {
  to: 'now',
  note: undefined,
  author: 'u',
  expiresAtMs: undefined,
  allowIncomplete: false,
}

const seen = (name: string): Observation => ({
  ...image(name),
  stamp: { wallMs: today, counter: 0 },
  source: 'upstream',
  origin: 'aa',
  confirmedAtMs: today,
  firstSeenMs: today,
  lastSeenMs: today,
})

const pinOf = (target: Target | undefined, more: Partial<PinState> = {}): PinState => ({
  key: nginx,
  standing: target === undefined ? 'removed' : 'in-force',
  target,
  stamp: { wallMs: today, counter: 0 },
  origin: 'aa',
  note: undefined,
  author: 'u',
  expiresAtMs: undefined,
  ...more,
})

const basis = { source: 'upstream', isFresh: true, reason: 'it said so', confirmedAtMs: today }

/** Pins over parts that remember what was done with them. */
function open(change: Partial<PinParts> = {}, standing?: PinState) {
  const did: unknown[] = []
  let state = standing
  const pins = createPins({
    ledger: {
      async setPin(_, target, details) {
        did.push(['set', target.digest, details])
        state = pinOf(target)
      },
      async removePin(_, author) {
        did.push(['remove', author])
        state = pinOf(undefined)
      },
      trustedNowMs: () => today,
    },
    history: () => [seen('new'), seen('old'), seen('older')],
    findElsewhere: async () => undefined,
    book: { get: () => state, history: () => [], list: () => [], isBlocked: () => false },
    resolve: async () => ({ target: image('new'), basis }),
    describe: () => undefined,
    fetchManifest: async () => undefined,
    isInReach: async () => true,
    complete: (_, digest) => did.push(['complete', digest]) > 0,
    isOperator: () => true,
    storeOnOthers: async (_, copies) => ({ nodes: copies, members: 3, away: 0 }),
    ...change,
  })
  return { pins, did }
}

t.test('what the tag resolves to is pinned, once', async t => {
  const { pins, did } = open()
  const change = await pins.set(nginx, { ...wish, note: 'n' }, { ...terms, copies: 2 })
  t.match(change, {
    before: undefined,
    after: { target: image('new') },
    stored: { nodes: 2, members: 3, away: 0 },
    isComplete: true,
    isFetching: false,
    basis,
  })
  t.strictSame(did, [['set', image('new').digest, { note: 'n', author: 'u' }]])
  await pins.set(nginx, wish, terms)
  t.equal(did.length, 1, 'the same again is no new word')
  await pins.set(nginx, { ...wish, expiresAtMs: today + 1 }, terms)
  t.equal(did.length, 2, 'another expiry is')
})

t.test('a rollback goes to what the tag stood for before', async t => {
  const { pins, did } = open()
  const change = await pins.set(nginx, { ...wish, to: 'previous' }, terms)
  t.notOk('basis' in change, 'nothing was resolved')
  await pins.set(nginx, { ...wish, to: 'previous' }, terms)
  t.strictSame(
    did.map(step => (step as unknown[])[1]),
    [image('old').digest, image('older').digest],
    'and again to the one before that',
  )
  await t.rejects(pins.set(nginx, { ...wish, to: 'previous' }, terms), { code: 'nothing' })
})

t.test('what is blocked is passed over on the way back, and what to do is told', async t => {
  const back = async (blocked: readonly string[], history: readonly string[]) => {
    const digests: readonly string[] = blocked.map(name => image(name).digest)
    const { pins } = open({
      history: () => history.map(seen),
      book: {
        get: () => undefined,
        history: () => [],
        list: () => [],
        isBlocked: digest => digests.includes(digest),
      },
    })
    return pins.set(nginx, { ...wish, to: 'previous' }, terms)
  }
  const { digest } = image('bad')
  t.match(await back(['bad'], ['new', 'bad', 'old']), { skipped: [digest] })
  t.match(await back([], ['new', 'old']), { skipped: [] })
  const unblock = new RegExp(`holdfast unblock ${digest}`)
  t.match(await back(['bad'], ['bad', 'new', 'old']), { skipped: [] }, 'what is before it already')
  for (const history of [['new', 'bad'], ['bad', 'new'], ['bad']]) {
    await t.rejects(back(['bad'], history), { code: 'nothing', message: unblock })
  }
  await t.rejects(back([], ['new']), { message: /anything but sha256:.*holdfast pin .* DIGEST/ })
  await t.rejects(back([], []), { message: /nothing is remembered of .*holdfast tags/ })
})

t.test('a digest that nobody holds is refused, or pinned and fetched', async t => {
  const far = image('far')
  const { pins, did } = open({
    isInReach: async () => false,
    fetchManifest: async () => far,
  })
  const to = far.digest
  await t.rejects(pins.set(nginx, { ...wish, to }, terms), {
    code: 'not-held',
    message: /allowIncomplete/,
  })
  t.strictSame(did, [])
  const change = await pins.set(nginx, { ...wish, to, allowIncomplete: true }, terms)
  t.match(change, { isComplete: false, isFetching: true })
  t.strictSame(did, [
    ['set', to, { author: 'u' }],
    ['complete', to],
  ])
})

t.test('an image of another repository is refused, or pinned all the same', async t => {
  const asked: unknown[] = []
  const { pins, did } = open({
    describe: () => image('far'),
    findElsewhere: async (_, digest) => {
      asked.push(digest)
      return { repositories: ['registry.lab/redis'], isMissing: false }
    },
  })
  const to = image('far').digest
  await t.rejects(pins.set(nginx, { ...wish, to }, terms), {
    code: 'elsewhere',
    message: /image of registry.lab\/redis, and is not known to be one of .*--allow-elsewhere/,
  })
  t.strictSame([did, asked], [[], [to]])
  await pins.set(nginx, { ...wish, to, allowElsewhere: true }, terms)
  await pins.set(nginx, { ...wish, to: 'previous' }, terms)
  t.strictSame([did.length, asked.length], [2, 1], 'what the tag itself stood for is never doubted')
})

t.test('where nothing is kept nothing is fetched, and that is told', async t => {
  const { pins } = open({ isInReach: async () => false, complete: () => false })
  const change = await pins.set(nginx, { ...wish, allowIncomplete: true }, terms)
  t.match(change, { isComplete: false, isFetching: false })
})

t.test('what it is is known from the history, or cannot be pinned', async t => {
  const isInReach = async () => false
  const { pins, did } = open({ isInReach })
  const allowed = { ...wish, allowIncomplete: true }
  await pins.set(nginx, { ...allowed, to: image('older').digest }, terms)
  t.match(did[0], ['set', image('older').digest])
  const { digest, mediaType, size } = image('unheard of')
  await t.rejects(pins.set(nginx, { ...allowed, to: digest }, terms), { code: 'unknown' })
  const described = { mediaType, size }
  const { after } = await pins.set(nginx, { ...allowed, to: digest, described }, terms)
  t.match(after, { target: { digest, mediaType, size } }, 'or a backup tells of it')
  await t.rejects(pins.set(nginx, { ...wish, to: digest, described }, terms), { code: 'not-held' })

  const fetchManifest = async () => {
    throw new Error('asked for what is told')
  }
  const told = open({ isInReach, fetchManifest })
  t.match(await told.pins.set(nginx, { ...allowed, to: digest, described }, terms), { after })
  const held = { ...image('unheard of'), size: 7 }
  const here = open({ isInReach, fetchManifest, describe: () => held })
  const change = await here.pins.set(nginx, { ...allowed, to: digest, described }, terms)
  t.match(change.after, { target: held }, 'which counts for nothing where it is held')
})

t.test('a refusal changes nothing and says why', async t => {
  const isBlocked = () => true
  const book = { get: () => undefined, history: () => [], list: () => [], isBlocked }
  for (const [code, change] of [
    ['no-operator', { isOperator: () => false }],
    ['nothing', { resolve: async () => 'nobody has it' }],
    ['blocked', { book }],
    ['past', {}],
  ] as const) {
    const { pins, did } = open(change)
    const asked = code === 'past' ? { ...wish, expiresAtMs: today } : wish
    await t.rejects(pins.set(nginx, asked, terms), { code }, code)
    t.strictSame(did, [])
  }
  const { pins, did } = open({ isOperator: () => false })
  await t.rejects(pins.remove(nginx, undefined, terms), { code: 'no-operator' })
  t.strictSame(did, [])
})

t.test('a pin on a blocked digest is said where that is allowed, and nothing fetched', async t => {
  const book = { get: () => undefined, history: () => [], list: () => [], isBlocked: () => true }
  const { pins, did } = open({ book, isInReach: async () => false })
  const to = image('old').digest
  const blocked = { ...wish, to, allowIncomplete: true }
  const unblock = new RegExp(`holdfast unblock ${to}`)
  await t.rejects(pins.set(nginx, blocked, terms), { code: 'blocked', message: unblock })
  const change = await pins.set(nginx, { ...blocked, allowBlocked: true }, terms)
  t.match(change, { isFetching: false })
  t.match(did, [['set', to]])
})

t.test('what stands there is checked again when all has been found out', async t => {
  const other = pinOf(image('of somebody else'))
  let standing: PinState | undefined
  const { pins, did } = open({
    book: { get: () => standing, history: () => [], list: () => [], isBlocked: () => false },
    async isInReach() {
      standing = other
      return true
    },
  })
  const check = (found: PinState | undefined) => {
    if (found !== undefined) throw new Error('changed')
  }
  await t.rejects(pins.set(nginx, wish, { ...terms, check }), { message: 'changed' })
  t.strictSame(did, [])
})

t.test('a pin is removed once', async t => {
  const { pins, did } = open({}, pinOf(image('p')))
  const change = await pins.remove(nginx, 'v', terms)
  t.match(change, { before: { standing: 'in-force' }, after: { standing: 'removed' } })
  await pins.remove(nginx, 'v', terms)
  t.strictSame(did, [['remove', 'v']])
})

t.test('what would be refused is told without saying anything', async t => {
  const { signal } = terms
  const to = image('elsewhere').digest
  const described = { mediaType: image('new').mediaType, size: 7 }
  const incomplete = { ...wish, to, allowIncomplete: true }
  const { pins, did } = open({ isInReach: async () => false })
  await pins.tryOut(nginx, { ...incomplete, described }, signal)
  await t.rejects(pins.tryOut(nginx, incomplete, signal), { code: 'unknown' })
  await t.rejects(pins.tryOut(nginx, { ...wish, to }, signal), { code: 'not-held' })
  await t.rejects(pins.tryOut(nginx, { ...wish, expiresAtMs: today }, signal), { code: 'past' })
  const powerless = open({ isOperator: () => false })
  await t.rejects(powerless.pins.tryOut(nginx, wish, signal), { code: 'no-operator' })
  const mute = async () => {
    throw new Error('asked for nothing')
  }
  const alone = open({ isInReach: mute, fetchManifest: mute })
  await alone.pins.tryOut(nginx, { ...incomplete, described }, signal)
  t.strictSame([...did, ...powerless.did, ...alone.did], [])
})
