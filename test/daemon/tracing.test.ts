import t from 'tap'
import { type SentSpan, startCollector, valuesOf } from '../support/collector.ts'
import { makeImage } from '../support/image.ts'
import { startRegistry } from '../support/registry.ts'
import { startNode } from '../support/start-node.ts'

t.test('a pull is a trace: the tag, the registry behind it, and the store', async t => {
  const registry = await startRegistry()
  const collector = await startCollector()
  const image = makeImage({ layers: [50_000] })
  registry.addImage('lab/app', { blobs: image.blobs, tags: new Map([['latest', image]]) })
  const node = await startNode(registry, t.testdir(), { tracing: { endpoint: collector.url } })
  t.teardown(async () => {
    await node.close()
    await registry.close()
    await collector.close()
  })
  t.equal((await node.ask('lab/app/manifests/latest', { method: 'HEAD' })).status, 200)
  const { digest: manifest, config, layers } = image.for('linux/amd64')
  const [layer] = layers
  const blobs = [config, ...layers].map(({ digest }) => `blobs/${digest}`)
  for (const item of [`manifests/${manifest}`, ...blobs]) {
    const answer = await node.ask(`lab/app/${item}`)
    t.equal(answer.status, 200)
    await answer.arrayBuffer()
  }
  await registry.refuse()
  t.equal((await node.ask('lab/app/manifests/latest', { method: 'HEAD' })).status, 200)
  await node.close()

  const spans = collector.spans()
  const all = (name: string): readonly SentSpan[] => spans.filter(span => span.name === name)
  const [fresh, stale] = all('resolve tag')
  t.match(valuesOf(fresh?.attributes ?? []), {
    'holdfast.registry': registry.host,
    'holdfast.repository': 'lab/app',
    'holdfast.tag': 'latest',
    'holdfast.source': 'upstream',
  })
  t.match(valuesOf(stale?.attributes ?? [])['holdfast.source'], /ledger|history/)
  t.equal(all('upstream tag')[0]?.parentSpanId, fresh?.spanId, 'below the tag that was asked for')
  t.ok(
    all('upstream blob').some(
      ({ attributes }) => valuesOf(attributes)['holdfast.digest'] === layer?.digest,
    ),
  )
  t.ok(all('store commit').length > 0)
})
