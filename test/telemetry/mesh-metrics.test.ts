import { Registry } from 'prom-client'
import t from 'tap'
import { type MeshState, watchMesh } from '../../src/telemetry/mesh-metrics.ts'

t.test('dials that met nobody are counted by reason, those that met somebody are not', async t => {
  const registry = new Registry()
  const dialCounts = {
    connected: 9,
    self: 2,
    unreachable: 3,
    refused: 4,
    'no-mesh': 5,
    'hung-up': 0,
    closed: 0,
  }
  const state = { members: [], alarms: [], dialCounts } as unknown as MeshState
  watchMesh(registry, () => state, { monotonicMs: () => 0 })
  const read = async () =>
    (await registry.getSingleMetricAsString('holdfast_mesh_failed_dials_total'))
      .split('\n')
      .filter(line => line.startsWith('holdfast'))
      .map(line => line.slice('holdfast_mesh_failed_dials_total'.length))
  const expected = [
    '{reason="unreachable"} 3',
    '{reason="refused"} 4',
    '{reason="no_mesh"} 5',
    '{reason="hung_up"} 0',
    '{reason="closed"} 0',
  ]
  t.strictSame(await read(), expected)
  t.strictSame(await read(), expected, 'also when they are read again')
})
