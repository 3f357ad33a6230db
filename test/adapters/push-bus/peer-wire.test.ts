import t, { type Test } from 'tap'
import { createPushBus } from '../../../src/adapters/push-bus/create-push-bus.ts'
import { createPeerWire } from '../../../src/adapters/push-bus/peer-wire.ts'
import type { Bus } from '../../../src/ports/bus.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import type { PeerAnswer } from '../../../src/ports/peer-port.ts'
import { systemTimers } from '../../../src/ports/timers.ts'
import { testBus } from '../../ports/bus.suite.ts'
import type { ChangingKeys } from '../../support/cluster-keys.ts'
import { makeClient, makeIdentity, startServer } from '../peer-http/support.ts'

/** A node with a peer port of its own. */
async function start(t: Test, keys: ChangingKeys): Promise<Bus> {
  const identity = makeIdentity()
  const answers = new Map<string, PeerAnswer>()
  const { address, server } = await startServer(t, { answers }, { identity, keys })
  const { wire, addressesOf } = createPeerWire(() => client)
  const client = makeClient(t, {}, { identity, keys, addressesOf })
  const parts = { self: identity.id, wire, keys, clock: systemClock, timers: systemTimers }
  const push = createPushBus(parts, { listening: [address] })
  for (const [subject, answer] of push.answers) answers.set(subject, answer)
  return {
    ...push.bus,
    async close() {
      await push.bus.close()
      await Promise.all([client.close(), server.close()])
    },
  }
}

t.test('over the peer port a push bus keeps the promises of a bus', async t => {
  testBus(t, t => keys => start(t, keys))
})
