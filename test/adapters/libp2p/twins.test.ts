import { generateKeyPairSync } from 'node:crypto'
import t, { type Test } from 'tap'
import { openLibp2pBus } from '../../../src/adapters/libp2p/open-bus.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { createChangingKeys } from '../../support/cluster-keys.ts'
import { until } from '../../system/support/process.ts'

/** Two nodes with one key, and how often each was dialled by it. */
async function openTwins(t: Test) {
  const { privateKey } = generateKeyPairSync('ed25519')
  const keys = createChangingKeys('k')
  const open = async () => {
    const bus = await openLibp2pBus(
      { privateKey, keys, clock: systemClock, log: silentLog },
      { listen: { host: '127.0.0.1', port: 0 } },
    )
    t.teardown(() => bus.close())
    const twin = { bus, address: bus.listening[0] ?? '', arrivals: 0 }
    bus.onOwnKey(() => {
      twin.arrivals += 1
    })
    return twin
  }
  return { one: await open(), other: await open(), keys }
}

const soon = (): AbortSignal => AbortSignal.timeout(10_000)

t.test('a twin that is dialled is told so, and the one who dials sees no other end', async t => {
  const { one, other, keys } = await openTwins(t)
  await t.rejects(one.bus.dial(other.address, soon()), { name: 'BusFailure', code: 'self' })
  await until('it was told', () => other.arrivals === 1)
  t.equal(one.arrivals, 0)
  await t.rejects(one.bus.dial(one.address, soon()), { name: 'BusFailure', code: 'self' })
  await until('it sees its own other end', () => one.arrivals === 1)
  t.equal(other.arrivals, 1)

  keys.set('next')
  await t.rejects(one.bus.dial(other.address, soon()), { code: 'self' }, 'with another cluster key')
  await until('it was told again', () => other.arrivals === 2)
  t.strictSame(
    [one, other].map(({ bus }) => bus.neighbours().length),
    [0, 0],
  )
})
