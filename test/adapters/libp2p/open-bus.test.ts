import t from 'tap'
import { testBus, testStandingStill } from '../../ports/bus.suite.ts'
import { startLibp2p } from './support.ts'

t.test('keeps the promises of a bus', async t => {
  testBus(t, () => startLibp2p)
  testStandingStill(t, () => startLibp2p)
})
