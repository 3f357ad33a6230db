import t from 'tap'
import type { TestImage } from '../support/image.ts'
import { pull } from './support/client.ts'
import type { HoldfastNode } from './support/holdfast.ts'
import { until } from './support/process.ts'
import { fakeTimeLibrary, requireSystem } from './support/requirements.ts'
import { registryName, startWorld } from './support/world.ts'

requireSystem()

const clocks = [
  { name: '1970', at: '@1970-01-02 00:00:00' },
  { name: 'ten years ahead', at: '+10y' },
] as const

/** Only the wall clock is wrong, as on a machine whose battery died: the one that counts from boot is right. */
const underClock = (at: string) => ({
  LD_PRELOAD: fakeTimeLibrary(),
  FAKETIME: at,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  DONT_FAKE_MONOTONIC: '1',
})

/** Not at the first pull, when the machine stands still for as long as the registry is waited for. */
const untilToldOf = ({ mirror }: HoldfastNode, { digest }: TestImage): Promise<boolean> =>
  until(
    `clients are told of ${digest}`,
    async () => (await pull(mirror, registryName, 'app', 'latest')).digest === digest,
  )

for (const clock of clocks) {
  t.test(`a node whose clock says ${clock.name} answers as any other`, async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    const env = underClock(clock.at)
    const one = await world.push('app', 'latest', { layers: [20_000], salt: `${clock.name} one` })
    const wrong = await world.node({ env })
    await untilToldOf(wrong, one)
    const two = await world.push('app', 'latest', { layers: [20_000], salt: `${clock.name} two` })
    await untilToldOf(wrong, two)

    world.uplink.freeze()
    const offline = await pull(wrong.mirror, registryName, 'app', 'latest')
    t.equal(offline.digest, two.digest)
    t.equal(offline.source, 'ledger')
    t.match(offline.headers['age'], /^\d+$/)
    t.equal(await wrong.stop(), 0)

    // The clock is put right (or the battery dies again): nothing that was learned may win for ever, or be lost.
    const right = await world.node()
    t.equal((await pull(right.mirror, registryName, 'app', 'latest')).digest, two.digest)
    world.uplink.heal()
    const three = await world.push('app', 'latest', {
      layers: [20_000],
      salt: `${clock.name} three`,
    })
    await untilToldOf(right, three)
    world.uplink.freeze()
    const last = await pull(right.mirror, registryName, 'app', 'latest')
    t.equal(last.digest, three.digest, 'a stamp from the wrong clock does not win')
    t.ok(Number(last.headers['age']) < 3_600, `age ${last.headers['age']} s`)
    t.equal(await right.stop(), 0)

    const wrongAgain = await world.node({ env })
    t.equal((await pull(wrongAgain.mirror, registryName, 'app', 'latest')).digest, three.digest)
  })
}
