import { generateKeyPairSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { openLibp2pBus } from '../../../src/adapters/libp2p/open-bus.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { createChangingKeys } from '../../support/cluster-keys.ts'
import { until } from '../../system/support/process.ts'

/** Two nodes with one key, and where each met the other. */
async function openTwins(t: Test) {
  const { privateKey } = generateKeyPairSync('ed25519')
  const keys = createChangingKeys('k')
  const open = async () => {
    const bus = await openLibp2pBus(
      { privateKey, keys, clock: systemClock, log: silentLog },
      { listen: { host: '127.0.0.1', port: 0 } },
    )
    t.teardown(() => bus.close())
    const met: (string | undefined)[] = []
    const stop = bus.onTwin(address => void met.push(address))
    return { bus, address: bus.listening[0] ?? '', met, stop }
  }
  return { one: await open(), other: await open(), keys }
}

const soon = (): AbortSignal => AbortSignal.timeout(10_000)

t.test(
  'of two with one key both are told when one dials the other, and none by itself',
  async t => {
    const { one, other, keys } = await openTwins(t)
    await t.rejects(one.bus.dial(one.address, soon()), { name: 'BusFailure', code: 'self' })
    await t.rejects(one.bus.dial(other.address, soon()), { name: 'BusFailure', code: 'self' })
    await until('the one who was dialled is told', () => other.met.length > 0)
    t.strictSame([one.met, other.met], [[other.address], [undefined]])

    keys.set('next')
    await t.rejects(
      one.bus.dial(other.address, soon()),
      { code: 'self' },
      'with another cluster key',
    )
    await until('it is told again', () => other.met.length > 1)
    t.equal(one.met.length, 2)
    t.strictSame(
      [one, other].map(({ bus }) => bus.neighbours().length),
      [0, 0],
    )

    one.stop()
    await t.rejects(other.bus.dial(one.address, soon()), { code: 'self' })
    t.equal(other.met.length, 3)
    t.equal(one.met.length, 2)
  },
)

t.test('so are both when they dial each other at once', async t => {
  const { one, other } = await openTwins(t)
  await Promise.all([
    t.rejects(one.bus.dial(other.address, soon()), { code: 'self' }),
    t.rejects(other.bus.dial(one.address, soon()), { code: 'self' }),
  ])
  await until('both met twice', () => one.met.length === 2 && other.met.length === 2)
  t.ok(one.met.includes(other.address))
  t.ok(other.met.includes(one.address))
})
