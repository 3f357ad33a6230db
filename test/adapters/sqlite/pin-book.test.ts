import t from 'tap'
import { formatTag } from '../../../src/oci/reference.ts'
import { day, image, keyOf, minute, nginx, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makePeer } from '../../support/signing-node.ts'
import { makeDirectory, openIn } from './support.ts'

t.test('a pin is told with its standing, before it is durable and afterwards', async t => {
  const clock = createMovableClock(today)
  const { ledger, pins, identity } = await openIn(t, await makeDirectory(t), { clock })
  t.equal(pins.get(nginx), undefined)
  t.strictSame(pins.history(nginx), [])
  const set = ledger.setPin(nginx, image('a'), { note: 'n', author: 'u', expiresAtMs: today + day })
  const pinned = {
    key: nginx,
    standing: 'in-force',
    target: image('a'),
    origin: identity.origin,
    note: 'n',
    author: 'u',
    expiresAtMs: today + day,
  }
  t.match(pins.get(nginx), pinned)
  await set
  t.match(pins.get(nginx), pinned)
  clock.pass(2 * day)
  t.match(pins.get(nginx), { standing: 'expired', target: image('a') })
  await ledger.removePin(nginx, 'v')
  t.match(pins.get(nginx), { standing: 'removed', target: undefined, author: 'v' })
  t.match(pins.history(nginx), [
    { atMs: today + 2 * day, digest: undefined, author: 'v', isConflict: false },
    { atMs: today, digest: image('a').digest, note: 'n', author: 'u', isConflict: false },
  ])
})

t.test('lists go on where the page before ended, without what was removed', async t => {
  const { ledger, pins } = await openIn(t, await makeDirectory(t))
  const keys = ['a', 'b', 'c', 'd'].map(tag => keyOf('reg.lab', 'app', tag))
  await Promise.all(keys.map(key => ledger.setPin(key, image(key.tag), {})))
  await ledger.removePin(keys[1] ?? nginx)
  const late = ledger.setPin(nginx, image('late'), {})
  const names = (after: string, limit: number) => pins.list(after, limit).map(p => formatTag(p.key))
  t.strictSame(names('', 2), [formatTag(nginx), 'reg.lab/app:a'], 'also what is being written')
  t.strictSame(names('reg.lab/app:a', 5), ['reg.lab/app:c', 'reg.lab/app:d'])
  t.strictSame(names('reg.lab/app:d', 5), [])
  await late
})

t.test('two operators who did not know of each other are a conflict in the history', async t => {
  const { ledger, pins, records } = await openIn(t, await makeDirectory(t))
  const other = makePeer()
  await ledger.setPin(nginx, image('here'), {})
  t.strictSame(await records.apply([other.pin('there', Date.now() + minute)]), ['applied'])
  t.match(pins.get(nginx), { target: image('there'), origin: other.origin })
  t.match(
    pins.history(nginx).map(({ isConflict, origin }) => [isConflict, origin === other.origin]),
    [
      [true, true],
      [false, false],
    ],
  )
})

t.test('who pinned twice before they met knew no more of the other', async t => {
  const [one, two] = [
    await openIn(t, await makeDirectory(t)),
    await openIn(t, await makeDirectory(t)),
  ]
  await one.ledger.setPin(nginx, image('here'), {})
  await two.ledger.setPin(nginx, image('there'), {})
  await two.ledger.setPin(nginx, image('there again'), {})
  const other = makePeer()
  const stands = one.pins.get(nginx)
  if (stands === undefined) throw new Error('it is pinned')
  const { wallMs } = stands.stamp
  // Of what the other said only the newest word is left to be told, and it names no word of this node.
  await one.records.apply([other.pin('there again', wallMs + minute)])
  t.match(one.pins.history(nginx), [{ isConflict: true }, { isConflict: false }])
  t.match(
    two.pins.history(nginx).map(({ isConflict }) => isConflict),
    [false, false],
    'a word over an own one is none',
  )
  await two.records.apply([other.pin('here', wallMs - minute)])
  t.match(
    two.pins.history(nginx).map(({ isConflict }) => isConflict),
    [true, false, false],
    'and it is told also where the other came late',
  )
})

t.test(
  'in whatever order they arrive, the later one is what did not know of the other',
  async t => {
    const [here, there] = [makePeer(), makePeer()]
    const stamp = { wallMs: today + minute, counter: 0 }
    const words = [
      here.pin('first', stamp.wallMs),
      there.pin('second', stamp.wallMs + minute),
      here.pin('over both', stamp.wallMs + 2 * minute, {
        over: { wallMs: stamp.wallMs + minute, counter: 0 },
      }),
    ]
    const clock = createMovableClock(today + day)
    for (const order of [
      [0, 1, 2],
      [1, 0, 2],
      [0, 2, 1],
      [2, 1, 0],
    ]) {
      const { pins, records } = await openIn(t, await makeDirectory(t), { clock })
      for (const at of order) await records.apply(words.slice(at, at + 1))
      const told = pins.history(nginx).map(({ digest, isConflict }) => [digest, isConflict])
      t.strictSame(
        told,
        [
          [image('over both').digest, false],
          [image('second').digest, true],
          [image('first').digest, false],
        ],
        `${order}`,
      )
    }
  },
)
