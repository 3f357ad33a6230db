import t, { type Test } from 'tap'
import { createKeptOwners } from '../../src/keep/kept-owners.ts'
import { createPresentMembers } from '../../src/keep/present-members.ts'
import { type KeptImage, startRepair } from '../../src/keep/repair.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createMovableTimers } from '../support/movable-timers.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'

const minute = 60_000
const repairAfterMs = 10 * minute
const amd64 = { os: 'linux', architecture: 'amd64' }
const imageOf = (name: string): KeptImage => ({
  repository: { registry: 'a.lan', repository: name },
  digest: digestOf(Buffer.from(name)),
})
/** For none of the platforms that anybody has clients of. */
const useless = imageOf('useless')
/** Of a registry that may be gone. */
const lost = Array.from({ length: 120 }, (_, i): KeptImage => {
  const { digest, repository } = imageOf(`aaa${i}`)
  return { digest, repository: { ...repository, registry: 'gone.lan' } }
})
const twenty = Array.from({ length: 20 }, (_, i) => imageOf(`image${i}`))

/** Nodes that keep the same images, two copies of each; what one fetches it has at once, as far as it can be had. */
function open(t: Test, names: readonly string[], images: readonly KeptImage[] = twenty) {
  const clock = createMovableClock(Date.UTC(2026, 10, 28))
  const timers = createMovableTimers(clock)
  const lab = createPeerLab()
  const held = new Map<string, Set<Digest>>()
  const fetched: string[] = []
  const state = { images, isFull: false, canBeHad: true, isGone: false }
  /** What was wanted and did not come, with the word for whether it still is. */
  const waiting = new Map<Digest, () => boolean>()
  let lookedAround = 0
  const listeners = new Set<() => void>()
  const hopes = new Set<() => void>()
  for (const name of names) lab.serve(nodeId(name), {})

  function start(name: string) {
    const mine = held.get(name) ?? new Set<Digest>()
    held.set(name, mine)
    const present = createPresentMembers(lab.members(nodeId(name)), clock, { repairAfterMs })
    const settings = { copies: 2, zone: undefined, platforms: [amd64] }
    const repair = startRepair({
      images: async () => state.images,
      owners: createKeptOwners(present, settings),
      present,
      isComplete: digest => mine.has(digest),
      isLacking: ({ digest }) => !mine.has(digest) && digest !== useless.digest,
      isFull: () => state.isFull,
      lookAround: async () => {
        lookedAround += 1
      },
      canBeHad: ({ registry }) => !state.isGone || registry !== 'gone.lan',
      want(repository, digest, isStillWanted) {
        fetched.push(`${name} ${repository.repository}`)
        if (state.canBeHad) mine.add(digest)
        else waiting.set(digest, isStillWanted)
      },
      pending: () => waiting.size,
      onNews(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      onHope(listener) {
        hopes.add(listener)
        return () => hopes.delete(listener)
      },
      clock,
      timers,
      log: silentLog,
    })
    t.teardown(() => repair.close())
    return repair
  }

  /** How many of the nodes that are named hold each of the images. */
  const copiesOn = (...those: readonly string[]) =>
    state.images.map(({ digest }) => those.filter(name => held.get(name)?.has(digest)).length)
  const goes = (name: string) => lab.say(nodeId(name), { state: 'gone' })
  const comes = (name: string) => lab.say(nodeId(name), { state: 'alive' })
  return {
    clock,
    timers,
    lab,
    held,
    fetched,
    waiting,
    lookedAround: () => lookedAround,
    state,
    start,
    copiesOn,
    goes,
    comes,
    listeners,
    hopes,
  }
}

const names = ['a', 'b', 'c', 'd']

t.test('each image is fetched by its owners, once, and by nobody else', async t => {
  const { timers, start, fetched, copiesOn } = open(t, names)
  const repairs = names.map(start)
  await timers.pass(10 * minute)
  t.strictSame(new Set(copiesOn(...names)), new Set([2]))
  t.equal(fetched.length, 2 * twenty.length)
  t.equal(new Set(fetched).size, fetched.length)
  const held = repairs.map(repair => repair.counts().held)
  t.equal(
    held.reduce((sum, count) => sum + count),
    2 * twenty.length,
  )
  t.ok(held.every(count => count > 0 && count < twenty.length))
  t.match(repairs[0]?.counts(), { lacking: 0, elsewhere: twenty.length - (held[0] ?? 0) })
})

t.test(
  'a member that is away counts until repairAfter, and then what it held has a new owner',
  async t => {
    const { timers, start, fetched, copiesOn, goes, comes } = open(t, names)
    for (const name of names) start(name)
    await timers.pass(minute)
    const before = fetched.length
    goes('d')
    await timers.pass(2 * minute)
    comes('d')
    await timers.pass(20 * minute)
    t.equal(fetched.length, before, 'a reboot costs no copy')

    goes('d')
    await timers.pass(repairAfterMs - 1_000)
    t.equal(fetched.length, before)
    await timers.pass(3_000)
    const anew = fetched.slice(before)
    t.ok(anew.length > 0 && anew.length < twenty.length, `${anew.length} copies were made anew`)
    t.strictSame(new Set(copiesOn('a', 'b', 'c')), new Set([2]))
    t.equal(new Set(fetched).size, fetched.length, 'each once')
    comes('d')
    await timers.pass(60 * minute)
    t.equal(fetched.length, before + anew.length)
  },
)

t.test('a night in which all were off is no absence', async t => {
  const { timers, lab, start, fetched } = open(t, names)
  for (const name of ['b', 'c', 'd']) lab.say(nodeId(name), { state: 'gone', lastSeenMs: -1e9 })
  start('a')
  await timers.pass(repairAfterMs - 1_000)
  t.ok(fetched.length > 0 && fetched.length < twenty.length, `${fetched.length} are its own`)
  await timers.pass(3_000)
  t.equal(fetched.length, twenty.length, 'then it is alone with all of them')
})

t.test('a node alone holds all of it, once it had time to meet others', async t => {
  const { timers, start, fetched } = open(t, ['a'])
  start('a')
  await timers.pass(20_000)
  t.strictSame(fetched, [])
  await timers.pass(20_000)
  t.equal(fetched.length, twenty.length)
})

t.test('a change is seen to within a second, and many of them at once', async t => {
  const { timers, state, start, fetched, listeners } = open(t, ['a', 'b'], [])
  start('a')
  await timers.pass(1_000)
  state.images = twenty.slice(0, 3)
  for (let i = 0; i < 5; i += 1) for (const listener of listeners) listener()
  await timers.pass(1_000)
  t.equal(fetched.length, 3)
})

t.test('a store that is full fetches nothing, and goes on when there is room', async t => {
  const { timers, state, start, fetched } = open(t, ['a', 'b'])
  state.isFull = true
  const repair = start('a')
  await timers.pass(5 * minute)
  t.strictSame(fetched, [])
  t.match(repair.counts(), { held: 0, lacking: twenty.length, elsewhere: 0 })
  state.isFull = false
  await timers.pass(minute)
  t.equal(fetched.length, twenty.length)
})

t.test(
  'what cannot be had is asked for again, less and less often, and at once when it may be there',
  async t => {
    const { timers, state, start, fetched, hopes } = open(t, ['a', 'b'], twenty.slice(0, 1))
    state.canBeHad = false
    start('a')
    await timers.pass(60 * minute)
    t.ok(fetched.length >= 5 && fetched.length <= 8, `${fetched.length} times in an hour`)
    const before = fetched.length
    state.canBeHad = true
    for (const listener of hopes) listener()
    await timers.pass(1_000)
    t.equal(fetched.length, before + 1)
    await timers.pass(60 * minute)
    t.equal(fetched.length, before + 1)
  },
)

t.test('what could not be had at first is looked for again within seconds', async t => {
  const { timers, state, start, fetched } = open(t, ['a', 'b'], twenty.slice(0, 1))
  state.canBeHad = false
  start('a')
  await timers.pass(2_000)
  const before = fetched.length
  state.canBeHad = true
  await timers.pass(6_000)
  t.equal(fetched.length, before + 1, 'although nobody told of hope')
})

t.test('once closed it asks for nothing', async t => {
  const { timers, start, fetched } = open(t, ['a', 'b'])
  const repair = start('a')
  await repair.close()
  await timers.pass(60 * minute)
  t.strictSame(fetched, [])
})

t.test('an image that is of no use here is left alone', async t => {
  const { timers, start, fetched } = open(t, ['a', 'b'], [useless])
  const repair = start('a')
  await timers.pass(60_000)
  t.strictSame(fetched, [])
  t.strictSame(repair.counts(), { held: 0, lacking: 0, elsewhere: 1 })
})

t.test('what pods of a node run is fetched there, whoever its owners are', async t => {
  const run = twenty.map(image => ({ ...image, isHere: true }))
  // A second tag of each, that no pod here names, takes nothing back.
  const { timers, start, fetched } = open(t, names, [...run, ...twenty])
  const repair = start('a')
  await timers.pass(10 * minute)
  t.equal(new Set(fetched).size, twenty.length)
  t.match(repair.counts(), { held: twenty.length, lacking: 0, elsewhere: 0 })
})

t.test('what nobody can give takes no place from what somebody can', async t => {
  const { timers, state, start, fetched, lookedAround } = open(t, ['a', 'b'], [...lost, ...twenty])
  state.isGone = true
  start('a')
  const rounds = () => (lookedAround() - twenty.length) / lost.length
  await timers.pass(minute)
  t.equal(fetched.length, twenty.length, 'all of the registry that answers, and nothing else')
  t.ok(rounds() >= 2 && rounds() <= 3, `other nodes were asked about each ${rounds()} times`)
  await timers.pass(2 * minute)
  t.ok(rounds() <= 4, `less and less often: ${rounds()}`)

  state.isGone = false
  await timers.pass(3 * minute)
  t.equal(fetched.length, twenty.length + lost.length, 'also when nobody tells that it is back')
})

t.test(
  'an image that is kept in several repositories is fetched from one that answers',
  async t => {
    const here = lost.map(image => ({ ...image, repository: imageOf('here').repository }))
    const { timers, state, start, fetched } = open(t, ['a', 'b'], [...lost, ...here])
    state.isGone = true
    start('a')
    await timers.pass(minute)
    t.equal(fetched.length, lost.length)
    t.strictSame(new Set(fetched), new Set(['a here']))
  },
)

t.test('where it did not come from it is not looked for twice in a row', async t => {
  const [one] = twenty
  if (one === undefined) throw new Error('there is no image')
  const other = { ...one, repository: imageOf('here').repository }
  const { timers, state, start, fetched } = open(t, ['a', 'b'], [one, other])
  state.canBeHad = false
  start('a')
  await timers.pass(4 * minute)
  t.strictSame(fetched.slice(0, 2), ['a image0', 'a here'])
})

t.test(
  'when it can no longer come from where it is looked for, it is looked for elsewhere',
  async t => {
    const here = lost.map(image => ({ ...image, repository: imageOf('here').repository }))
    const first = [...lost.slice(0, 1), ...here.slice(0, 1)]
    const { timers, state, start, fetched, listeners } = open(t, ['a', 'b'], first)
    state.canBeHad = false
    start('a')
    await timers.pass(4_000)
    t.strictSame(fetched, ['a aaa0'])
    state.isGone = true
    state.canBeHad = true
    for (const listener of listeners) listener()
    await timers.pass(1_000)
    t.strictSame(fetched, ['a aaa0', 'a here'])
  },
)

t.test('only so many images wait for their turn at once', async t => {
  const { timers, state, start, fetched, waiting, held } = open(t, ['a', 'b'], lost)
  state.canBeHad = false
  start('a')
  await timers.pass(30_000)
  t.equal(fetched.length, 50)
  state.canBeHad = true
  for (const digest of waiting.keys()) held.get('a')?.add(digest)
  waiting.clear()
  await timers.pass(10_000)
  t.equal(fetched.length, lost.length)
})

t.test('what is no longer kept is no longer wanted', async t => {
  const { timers, state, start, waiting, listeners } = open(t, ['a', 'b'], twenty)
  state.canBeHad = false
  start('a')
  await timers.pass(minute)
  const wanted = () => [...waiting].filter(([, isStillWanted]) => isStillWanted()).length
  t.equal(wanted(), twenty.length)
  state.images = twenty.slice(0, 3)
  for (const listener of listeners) listener()
  await timers.pass(1_000)
  t.equal(wanted(), 3)
})
