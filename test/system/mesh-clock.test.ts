import t, { type Test } from 'tap'
import { pull } from './support/client.ts'
import { type MeshNode, untilEqual, untilMet } from './support/mesh.ts'
import { askTag, at, type Scene, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { fakeTimeLibrary, requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

const clocks = [
  { name: '1970', at: '@1970-01-02 00:00:00' },
  { name: 'ten years ahead', at: '+10y' },
] as const

/** Only the wall clock is wrong; the one that counts from boot is right. */
const underClock = (time: string) => ({
  LD_PRELOAD: fakeTimeLibrary(),
  FAKETIME: time,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  DONT_FAKE_MONOTONIC: '1',
})

const pullApp = (node: MeshNode) => pull(node.mirror, registryName, 'app', 'latest')
const push = (scene: Scene, salt: string) =>
  scene.world.push('app', 'latest', { layers: [20_000], salt })

/** Four nodes, one of them (by its turn to join) under a wrong clock, and a registry whose word about the time is not trusted. */
async function joinUnder(t: Test, wrong: number, time: string): Promise<[Scene, MeshNode[]]> {
  const scene = await setScene(t)
  const places = await scene.places('n1', 'n2', 'n3', 'n4')
  const nodes: MeshNode[] = []
  for (const [index, place] of places.entries()) {
    const seeds = nodes.length === 0 ? [] : [at(places, 0)]
    const env = index === wrong ? underClock(time) : {}
    nodes.push(await scene.start(place, { seeds, env }))
    // The last one joins with an empty ledger, and learns what the others know from them alone.
    if (index < 2) {
      const image = await push(scene, `of ${index}`)
      t.equal((await pullApp(at(nodes, index))).digest, image.digest)
    }
  }
  await untilMet(nodes, 40_000)
  return [scene, nodes]
}

t.jobs = 2
for (const clock of clocks) {
  for (const [wrong, who] of ['the first node', 'the second node', 'a joiner'].entries()) {
    t.test(
      `the clock of ${who} says ${clock.name}: nobody is poisoned`,
      { buffered: true },
      async t => {
        const [scene, nodes] = await joinUnder(t, wrong, clock.at)
        const { uplink } = scene.world
        const liar = at(nodes, wrong)
        const right = nodes.filter(node => node !== liar)
        const [, firstMs = 0] = /"time":(\d+)/.exec(liar.output()) ?? []
        t.ok(Math.abs(Number(firstMs) - Date.now()) > 86_400_000, `its clock said ${firstMs}`)

        const moved = await push(scene, 'moved')
        t.equal((await pullApp(liar)).digest, moved.digest)
        // Registries' Dates are whole seconds: what is to be later has another one.
        const sinceMs = performance.now()
        await until('another second', () => performance.now() - sinceMs > 1_100)
        const again = await push(scene, 'moved again')
        t.equal((await pullApp(at(right, 0))).digest, again.digest)
        uplink.refuse()
        for (const node of right) {
          const said = await until(`${node.name} says what was seen last`, async () => {
            const told = await askTag(node, 'app')
            return told.digest === again.digest && told
          })
          t.ok(said.ageSeconds < 3_600, `${node.name}: ${said.ageSeconds} s old`)
        }

        // Three others are enough to tell a node the time: what was stamped under the wrong clock is put right.
        await uplink.accept()
        const last = await push(scene, 'last')
        await until(
          'the registry is asked again',
          async () => (await pullApp(at(right, 1))).digest === last.digest,
        )
        await untilEqual(nodes, 60_000)
        uplink.refuse()
        for (const node of nodes) {
          const pulled = await until(`${node.name} says the last`, async () => {
            const got = await pullApp(node)
            return got.digest === last.digest && got
          })
          t.ok(Number(pulled.headers['age']) < 3_600, `${pulled.headers['age']} s old`)
        }
      },
    )
  }
}
