import t from 'tap'
import { createTwinWatch } from '../../src/mesh/watch-twin.ts'
import { simulateTime } from './support.ts'

function open() {
  const time = simulateTime()
  const twins: (string | undefined)[] = []
  const watch = createTwinWatch({ timers: time.timers, onTwin: address => twins.push(address) })
  return { time, twins, watch }
}

t.test('who dials himself sees both ends, in whichever order', async t => {
  const { time, twins, watch } = open()
  watch.dialled('10.0.0.9:5053')
  watch.arrived()
  await time.pass(60_000)
  watch.arrived()
  await time.pass(500)
  watch.dialled('10.0.0.9:5053')
  await time.pass(60_000)
  t.strictSame(twins, [])
})

t.test('of a connection with a twin there is one end alone', async t => {
  const { time, twins, watch } = open()
  watch.dialled('10.0.0.2:5053')
  await time.pass(1_900)
  t.strictSame(twins, [], 'the other one may be late')
  await time.pass(200)
  t.strictSame(twins, ['10.0.0.2:5053'])
  watch.arrived()
  await time.pass(2_100)
  t.strictSame(twins, ['10.0.0.2:5053', undefined])
})

t.test('a twin that is dialled beside oneself is not taken for oneself', async t => {
  const { time, twins, watch } = open()
  watch.dialled('10.0.0.9:5053')
  watch.dialled('10.0.0.2:5053')
  watch.arrived()
  await time.pass(5_000)
  t.equal(twins.length, 1)
})

t.test('what waits when it is closed is told to nobody', async t => {
  const { time, twins, watch } = open()
  for (let dial = 0; dial < 100; dial += 1) watch.dialled('10.0.0.2:5053')
  watch.close()
  await time.pass(5_000)
  t.strictSame(twins, [])
})
