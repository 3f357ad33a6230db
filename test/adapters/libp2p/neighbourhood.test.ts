import type { Connection, Stream } from '@libp2p/interface'
import t from 'tap'
import { canGossip, gossipStreams } from '../../../src/adapters/libp2p/links.ts'
import { until } from '../../system/support/process.ts'
import { dialPlain, startBus, startPlain } from './support.ts'

const soon = (): AbortSignal => AbortSignal.timeout(10_000)

const streams = (connection: Connection, direction: Stream['direction']): readonly Stream[] =>
  gossipStreams(connection).filter(one => one.direction === direction)

for (const direction of ['inbound', 'outbound'] as const) {
  t.test(`a gossip stream that ends (${direction} there) is made anew`, async t => {
    const { bus, heard, changes, address } = await startBus(t, { tickMs: 100 })
    const member = await startPlain(t, 'k')
    const connection = await dialPlain(member.node, address)
    await until('it joined', () => changes.length === 1)
    await until('it has both streams', () => streams(connection, direction).length === 1)
    for (const stream of streams(connection, direction)) stream.abort(new Error('of the test'))
    t.equal(streams(connection, direction).length, 0, 'the fault did fire')
    let count = 0
    await until('it hears us again', async () => {
      count += 1
      await bus.publish(Buffer.from(`to you ${count}`))
      return member.heard.length > 0
    })
    await until('we hear it again', async () => {
      count += 1
      await member.node.services.gossip.publish('/holdfast/1', Buffer.from(`to us ${count}`))
      return heard.length > 0
    })
    t.strictSame(changes, ['joined'], 'and it never left')
    t.equal(member.node.getConnections().length, 1)
  })
}

t.test('a neighbour that takes no gossip stream is hung up on', async t => {
  const { changes, address } = await startBus(t, { tickMs: 50 })
  const member = await startPlain(t, 'k')
  await member.node.unhandle(member.node.services.gossip.protocols)
  const connection = await dialPlain(member.node, address)
  await until('the connection is ended', () => connection.status !== 'open')
  t.strictSame(changes, [], 'it never joined')
})

t.test('two that dialled each other end with one connection, and both directions', async t => {
  for (const round of [1, 2, 3, 4]) {
    const one = await startBus(t, { tickMs: 100 })
    const other = await startBus(t, { tickMs: 100 })
    const late = round % 2 === 0 ? 3 : 0
    await Promise.all([
      one.bus.dial(other.address, soon()),
      new Promise(resolve => setTimeout(resolve, late)).then(() =>
        other.bus.dial(one.address, soon()),
      ),
    ])
    const [small, large] = one.bus.self < other.bus.self ? [one, other] : [other, one]
    const told = () => [small.bus.neighbours()[0]?.direction, large.bus.neighbours()[0]?.direction]
    const isSettled = () => told()[0] !== told()[1]
    await until('they agree on one', isSettled)
    for (const [from, to] of [
      [one, other],
      [other, one],
    ] as const) {
      const text = `round ${round} from ${from.bus.self}`
      t.equal(await from.bus.publish(Buffer.from(text)), 1)
      await until('it is heard', () => to.heard.includes(text))
    }
    t.strictSame([one.changes, other.changes], [['joined'], ['joined']])
  }
})

t.test('what the larger id dialled is closed, what the smaller one dialled stays', async t => {
  const { bus, address, changes } = await startBus(t, { tickMs: 100 })
  const member = await startPlain(t, 'k')
  const theirs = await dialPlain(member.node, address)
  await until('it joined', () => changes.length === 1)
  // The bus would not dial a neighbour; the member does it, twice.
  const again = await member.node.dial(theirs.remoteAddr, { force: true })
  t.not(again.id, theirs.id)
  const { heard } = member
  await bus.publish(Buffer.from('with two connections'))
  await until('it is heard', () => heard.includes('with two connections'))
  const [first] = member.node.getConnections().toSorted((a, b) => a.timeline.open - b.timeline.open)
  await first?.close()
  await until('its streams are on the other', () => member.node.getConnections().some(canGossip))
  let count = 0
  await until('we are heard', async () => {
    count += 1
    await bus.publish(Buffer.from(`with one ${count}`))
    return heard.some(text => text.startsWith('with one'))
  })
  t.strictSame(changes, ['joined'])
})
