import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { openTracer } from '../../../src/adapters/otel/open-tracer.ts'
import { UpstreamFailure } from '../../../src/ports/errors.ts'
import { startCollector, valuesOf } from '../../support/collector.ts'
import { until } from '../../system/support/process.ts'

const open = (endpoint: string, share = 1) =>
  openTracer({ endpoint, share, node: 'bridge', version: '1.2.3' })

t.test('spans lie below each other and tell what they were told', async t => {
  const collector = await startCollector()
  t.teardown(() => collector.close())
  const tracer = open(collector.url)
  const result = await tracer.span(
    'outer',
    { 'holdfast.tag': 'latest', 'holdfast.size': undefined },
    async () => {
      await tracer.span('inner', {}, async () => {})
      return Promise.all([1, 2].map(n => tracer.span(`beside ${n}`, {}, async () => n)))
    },
    found => ({ 'holdfast.found': found.length }),
  )
  t.strictSame(result, [1, 2])
  await tracer.close()
  await until('all came', () => collector.spans().length === 4)
  const spans = new Map(collector.spans().map(span => [span.name, span]))
  t.strictSame([...spans.keys()].sort(), ['beside 1', 'beside 2', 'inner', 'outer'])
  const outer = spans.get('outer')
  t.notOk(outer?.parentSpanId)
  for (const name of ['inner', 'beside 1', 'beside 2']) {
    t.equal(spans.get(name)?.parentSpanId, outer?.spanId, name)
  }
  t.match(valuesOf(outer?.attributes ?? []), { 'holdfast.tag': 'latest', 'holdfast.found': '2' })
  t.notOk('holdfast.size' in valuesOf(outer?.attributes ?? []))
  t.match(collector.resource(), {
    'service.name': 'holdfast',
    'service.version': '1.2.3',
    'service.instance.id': 'bridge',
  })
})

t.test('of a failure its class is told and not its words', async t => {
  const collector = await startCollector()
  t.teardown(() => collector.close())
  const tracer = open(collector.url)
  const failure = new UpstreamFailure('denied', 'denied', 'password canary-81 is wrong')
  await t.rejects(
    tracer.span('asked', {}, () => Promise.reject(failure)),
    failure,
  )
  const left = new DOMException('left', 'AbortError')
  await t.rejects(
    tracer.span('left', {}, () => Promise.reject(left)),
    left,
  )
  await tracer.close()
  await until('both came', () => collector.spans().length === 2)
  const [asked, gone] = collector.spans()
  t.equal(asked?.status?.code, 2, 'an error')
  t.ok(valuesOf(asked?.attributes ?? [])['error.type'])
  t.not(gone?.status?.code, 2, 'who asked left')
  t.notMatch(collector.text(), 'canary-81')
})

t.test('a share of nothing sends nothing', async t => {
  const collector = await startCollector()
  t.teardown(() => collector.close())
  const tracer = open(collector.url, 0)
  for (let i = 0; i < 20; i++) await tracer.span('asked', {}, async () => {})
  await tracer.close()
  t.equal(collector.spans().length, 0)
})

t.test('of a share so many traces are sent', async t => {
  const collector = await startCollector()
  t.teardown(() => collector.close())
  const tracer = open(collector.url, 0.5)
  for (let i = 0; i < 400; i++) await tracer.span('asked', {}, async () => {})
  await tracer.close()
  await until('a quarter of them came', () => collector.spans().length > 100)
  const sent = collector.spans().length
  t.ok(sent < 300, `${sent} of 400: chance is off by 10`)
})

t.test('a collector that fails, hangs or is not there holds nobody up', async t => {
  const failing = await startCollector(500)
  const hanging = await startCollector('hang')
  t.teardown(() => Promise.all([failing.close(), hanging.close()]))
  for (const url of [failing.url, hanging.url, 'http://127.0.0.1:1/v1/traces']) {
    const tracer = open(url)
    const beganMs = performance.now()
    t.equal(await tracer.span('asked', {}, async () => 7), 7)
    // What is sent to a collector that hangs is given up after five seconds.
    t.ok(performance.now() - beganMs < 4_000, 'the answer does not wait')
    const end = await Promise.race([tracer.close(), delay(4_000, 'late')])
    t.not(end, 'late', 'nor does the end of the node, for long')
  }
})

t.test('a collector that hangs is asked again with what comes next', async t => {
  const collector = await startCollector('hang')
  const tracer = open(collector.url)
  t.teardown(() => Promise.all([tracer.close(), collector.close()]))
  await tracer.span('first', {}, async () => {})
  await until('the first is sent', () => collector.requests() === 1)
  await tracer.span('second', {}, async () => {})
  await until('the first is given up', () => collector.requests() === 2)
})
