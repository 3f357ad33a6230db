import { EventEmitter } from 'node:events'
import t from 'tap'
import { untilStopped } from '../../src/cli/until-stopped.ts'

function setUp(failed?: Promise<never>) {
  const signals = new EventEmitter()
  const closing = Promise.withResolvers<void>()
  const exits: number[] = []
  const told: string[] = []
  let closes = 0
  const daemon = {
    addresses: { mirror: '', admin: '', health: '' },
    failed,
    close: () => {
      closes += 1
      return closing.promise
    },
  }
  const control = { signals, exit: (code: number) => void exits.push(code) }
  const stopped = untilStopped(daemon, control, signal => told.push(signal))
  return { signals, closing, exits, told, stopped, closes: () => closes }
}

t.test('a signal closes the node, and its handlers leave with it', async t => {
  const { signals, closing, exits, told, stopped, closes } = setUp()
  t.equal(closes(), 0)
  signals.emit('SIGTERM')
  closing.resolve()
  await stopped
  t.strictSame({ closes: closes(), exits, told }, { closes: 1, exits: [], told: ['SIGTERM'] })
  t.equal(signals.listenerCount('SIGTERM') + signals.listenerCount('SIGINT'), 0)
})

t.test('a second signal, whichever, ends the process at once', async t => {
  const { signals, closing, exits, stopped } = setUp()
  signals.emit('SIGTERM')
  signals.emit('SIGINT')
  t.strictSame(exits, [130])
  signals.emit('SIGTERM')
  t.strictSame(exits, [130, 143])
  closing.resolve()
  await stopped
})

t.test('a node that cannot go on is closed and its error told', async t => {
  const failed = Promise.withResolvers<never>()
  const { closing, stopped, closes } = setUp(failed.promise)
  failed.reject(new Error('the disk is gone'))
  closing.resolve()
  await t.rejects(stopped, { message: 'the disk is gone' })
  t.equal(closes(), 1)
})
