import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { sendEvents } from '../../../src/http/admin/job-events.ts'
import type { JobView } from '../../../src/keep/warm-views.ts'

function viewOf(change: Partial<JobView> & { readonly createdAtMs?: number } = {}): JobView {
  const { createdAtMs = 7, ...rest } = change
  return {
    job: {
      id: 'night',
      images: ['a.test/app:v1'],
      platforms: undefined,
      scope: { type: 'all' },
      concurrency: 3,
      referrers: false,
      createdAtMs,
      note: undefined,
      author: undefined,
      cancelledAtMs: undefined,
    },
    state: 'running',
    waitsFor: undefined,
    done: 1,
    failed: 0,
    wanted: 3,
    bytes: 50,
    totalBytes: 90,
    nodes: [],
    ...rest,
  }
}
const over = viewOf({ state: 'done', done: 3, bytes: 90 })

/** A node on which the job is, one look after the other, as the test says. */
async function open(t: Test, views: readonly JobView[]) {
  const app = Fastify()
  const left = [...views]
  app.get('/', (request, reply) =>
    sendEvents(async () => left.shift(), { request, reply, mediaType: 'text/event-stream' }),
  )
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return async (lastId?: string) => {
    const headers = lastId === undefined ? {} : { 'last-event-id': lastId }
    const text = await (await fetch(url, { headers })).text()
    return text
      .split('\n\n')
      .filter(event => event.startsWith('event: '))
      .map(event => {
        const [, name, id, data = '{}'] = /^event: (.*)\nid: (.*)\ndata: (.*)$/.exec(event) ?? []
        return { ...(JSON.parse(data) as { bytes: number; state: string }), name, id }
      })
  }
}

t.test('each change is told once, and then the end', async t => {
  const read = await open(t, [viewOf(), viewOf(), viewOf({ bytes: 60 }), over])
  t.match(await read(), [
    { name: 'progress', bytes: 50 },
    { name: 'progress', bytes: 60 },
    { name: 'end', bytes: 90, state: 'done' },
  ])
})

t.test('who comes back is told what is another, and nothing that is behind it', async t => {
  const [told] = await (await open(t, [viewOf()]))()
  const others = [
    viewOf({ bytes: 40 }), // another node, which has heard less
    viewOf({ done: 0 }),
    viewOf({ totalBytes: 60 }),
    viewOf(),
    viewOf({ bytes: 55 }),
    over,
  ]
  const read = await open(t, others)
  t.match(
    (await read(told?.id)).map(({ bytes }) => bytes),
    [55, 90],
  )
})

t.test('the end is told also to who has it; another job is not behind', async t => {
  const [told] = await (await open(t, [over]))()
  t.equal(told?.name, 'end')
  t.match(await (await open(t, [over]))(told?.id), [{ name: 'end' }])
  const again = viewOf({ createdAtMs: 8, done: 0, bytes: 0, totalBytes: 0 })
  t.match(await (await open(t, [again]))(told?.id), [{ name: 'progress', bytes: 0 }])
  t.match(await (await open(t, [viewOf()]))('nonsense'), [{ name: 'progress', bytes: 50 }])
})
