import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { createMeshMetrics, watchMesh } from '../../src/telemetry/mesh-metrics.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { watchNode } from '../../src/telemetry/watch-node.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/mesh.md'), 'utf8')
const listed = /<!-- metrics -->\n([\s\S]*)<!-- \/metrics -->/.exec(page)?.[1] ?? ''

/** Nobody asks for values here. */
const unread = (): never => {
  throw new Error('read')
}

t.test('the list of metrics tells all there are, in their own words', async t => {
  const { registry } = createMetrics({ version: '1' })
  createMeshMetrics(registry)
  watchMesh(registry, unread, { monotonicMs: unread })
  const state = { endpoints: unread, ledger: unread, storeUsage: unread, readiness: unread }
  const kept = { keptImages: unread, lastReport: unread, countTags: unread }
  const node = { ...state, ...kept, neighbour: unread, damagedBlobs: unread }
  watchNode(registry, node, { registries: [] })
  const rows = registry
    .getMetricsAsArray()
    .filter(({ name }) => name.startsWith('holdfast_'))
    .map(({ name, type, help }) => `| \`${name}\` | ${type} | ${help} |\n`)
  t.ok(rows.length > 40, `${rows.length} metrics`)
  t.equal(listed, ['| metric | type | what |\n', '|---|---|---|\n', ...rows.sort()].join(''))
})
