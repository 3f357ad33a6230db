import t, { type Test } from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { createInReach } from '../../src/pull/in-reach.ts'
import { repositoryOf } from '../support/fake-upstream.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const repository = repositoryOf('lab/app')
const image = digestOf(Buffer.from('a manifest'))
const layer = digestOf(Buffer.from('a layer'))

/** A node that lacks one layer of an image, and others of which a test says who holds it. */
function open(t: Test) {
  const clock = createMovableClock(0)
  const asked: (NodeId | undefined)[] = []
  const scene = { holders: [] as NodeId[], until: Promise.resolve() }
  const inReach = createInReach(
    {
      members: { all: () => [], alive: () => [{} as never], onChange: () => () => {} },
      holders: {
        async find(digests, _signal, { saidBy } = {}) {
          asked.push(saidBy)
          await scene.until
          const { holders } = scene
          return new Map(holders.length === 0 ? [] : digests.map(digest => [digest, holders]))
        },
      },
      completeness: {
        isComplete: () => false,
        needs: () => [{ digest: layer, isUnread: false }],
      },
      manifests: { fetchFromPeers: async () => undefined },
      clock,
    },
    { budgetMs: 3_000 },
  )
  t.teardown(() => inReach.close())
  return {
    clock,
    asked,
    scene,
    inReach,
    ask: (saidBy?: NodeId) => inReach.isInReach(repository, image, saidBy),
  }
}

t.test('what is not in reach yet is asked again a moment later', async t => {
  const { clock, scene, ask } = open(t)
  t.notOk(await ask())
  scene.holders = ['b']
  t.notOk(await ask(), 'a burst of questions asks once')
  clock.pass(25)
  t.ok(await ask())
})

t.test('the longer nobody holds it, the less often it is looked for', async t => {
  const { clock, asked, ask } = open(t)
  const lookUpsIn = async (ms: number) => {
    const before = asked.length
    for (let passed = 0; passed < ms; passed += 5) {
      await ask()
      clock.pass(5)
    }
    return asked.length - before
  }
  const first = await lookUpsIn(1_000)
  t.ok(first <= 15, `${first} look-ups`)
  await lookUpsIn(9_000)
  t.equal(await lookUpsIn(10_000), 10, 'one a second in the end')
  clock.pass(60_000)
  t.ok((await lookUpsIn(100)) > 1, 'after a pause it is asked as at first')
})

t.test('a no holds only for those that were asked', async t => {
  const { asked, ask } = open(t)
  await ask('b')
  await ask('b')
  await ask()
  t.strictSame(asked, ['b'])
  await ask('c')
  await ask('b')
  t.strictSame(asked, ['b', 'c'], 'whoever else observed it is asked at once')
})

t.test('who joins a look-up has whoever told of the image asked', async t => {
  const { asked, scene, ask } = open(t)
  const { promise, resolve } = Promise.withResolvers<void>()
  scene.until = promise
  const asking = [ask(), ask('b'), ask('b'), ask()]
  resolve()
  t.strictSame(await Promise.all(asking), [false, false, false, false])
  t.strictSame(asked, [undefined, 'b'])
})

t.test('what is in reach is believed to be for a while', async t => {
  const { clock, asked, scene, ask, inReach } = open(t)
  scene.holders = ['b']
  t.ok(await ask())
  clock.pass(4_000)
  t.ok(await ask('c'))
  t.equal(asked.length, 1)
  inReach.doubt()
  t.ok(await ask())
  t.equal(asked.length, 2)
})
