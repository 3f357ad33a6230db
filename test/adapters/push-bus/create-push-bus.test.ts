import t from 'tap'
import { testBus } from '../../ports/bus.suite.ts'
import { soon } from '../../ports/bus.support.ts'
import { createChangingKeys } from '../../support/cluster-keys.ts'
import { createMemoryPushNetwork } from '../../support/memory-push-wire.ts'
import { until } from '../../system/support/process.ts'

t.test('keeps the promises of a bus', async t => {
  testBus(t, () => {
    const network = createMemoryPushNetwork()
    return async keys => network.start(keys)
  })
})

t.test('who fell silent without a word is gone after two pings, and not before', async t => {
  const network = createMemoryPushNetwork()
  const pending: (() => void)[] = []
  const timers = {
    after: (_: number, run: () => void) => {
      pending.push(run)
      return () => {}
    },
  }
  const one = network.start(createChangingKeys('k'), timers)
  const other = network.start(createChangingKeys('k'))
  t.teardown(() => Promise.all([one.close(), other.close()]))
  const changes: string[] = []
  one.onNeighbour(({ kind }) => changes.push(kind))
  await one.dial(other.listening[0] ?? '', soon())
  const ping = async () => {
    const count = pending.length
    pending.at(-1)?.()
    await until('all are asked', () => pending.length > count)
  }
  await ping()
  network.kill(other.self)
  await ping()
  t.strictSame(changes, ['joined'])
  await ping()
  t.strictSame(changes, ['joined', 'left'])
  t.equal(await one.publish(Buffer.from('x')), 0)
})

t.test('a message is pushed to six at the most, once by each node', async t => {
  const network = createMemoryPushNetwork()
  const nodes = Array.from({ length: 20 }, () => network.start(createChangingKeys('k')))
  t.teardown(() => Promise.all(nodes.map(node => node.close())))
  let heard = 0
  for (const [at, node] of nodes.entries()) {
    node.judge(() => {
      heard += 1
      return 'accept'
    })
    for (const other of nodes.slice(at + 1)) {
      await node.dial(other.listening[0] ?? '', soon())
    }
  }
  t.equal(await nodes[0]?.publish(Buffer.from('everybody')), 6)
  // Twenty nodes push to six each; all nodes hear it but for once in 400.
  await until('it went round', () => heard >= 17)
  t.ok((network.asked.get('push/message') ?? 0) <= 20 * 6)
})

t.test('who cannot be reached in return is no neighbour', async t => {
  const network = createMemoryPushNetwork()
  const one = network.start(createChangingKeys('k'))
  const other = network.start(createChangingKeys('k'))
  t.teardown(() => Promise.all([one.close(), other.close()]))
  network.kill(one.self)
  await t.rejects(one.dial(other.listening[0] ?? '', soon()), {
    code: 'unreachable',
  })
  t.strictSame(other.neighbours(), [])
})

t.test(
  'of two with one key both are told when one dials the other, and none by itself',
  async t => {
    const network = createMemoryPushNetwork()
    const one = network.start(createChangingKeys('k'))
    const other = network.start(createChangingKeys('k'), undefined, one.self)
    t.teardown(() => Promise.all([one.close(), other.close()]))
    const met: [string, string | undefined][] = []
    one.onTwin(address => met.push(['one', address]))
    const stop = other.onTwin(address => met.push(['other', address]))
    const dial = (from: typeof one, to: typeof one) =>
      t.rejects(from.dial(to.listening[0] ?? '', soon()), { code: 'self' })
    await dial(one, one)
    t.strictSame(met, [])
    await dial(one, other)
    t.strictSame(met, [
      ['other', undefined],
      ['one', other.listening[0]],
    ])
    t.strictSame([one.neighbours(), other.neighbours()], [[], []])
    stop()
    await dial(one, other)
    t.equal(met.length, 3)
  },
)

t.test('a stranger that says a nonce is no copy', async t => {
  const network = createMemoryPushNetwork()
  const one = network.start(createChangingKeys('k'))
  const stranger = network.start(createChangingKeys('k'))
  t.teardown(() => Promise.all([one.close(), stranger.close()]))
  one.onTwin(() => t.fail('taken for a copy'))
  await network.ask(stranger.self, one.listening[0] ?? '', 'push/start', Buffer.alloc(8, 1))
  await network.ask(one.self, one.listening[0] ?? '', 'push/start', Buffer.alloc(9, 1))
})
