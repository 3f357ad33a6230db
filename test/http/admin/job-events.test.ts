import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { createSendEvents, type JobReader } from '../../../src/http/admin/job-events.ts'
import type { JobView } from '../../../src/keep/warm-views.ts'
import { startAdmin } from './support.ts'

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
    unfit: 0,
    failed: 0,
    wanted: 3,
    bytes: 50,
    totalBytes: 90,
    nodes: [],
    ...rest,
  }
}
const over = viewOf({ state: 'done', done: 3, bytes: 90 })

/** A node on which jobs are looked at in this way. */
async function listen(
  t: Test,
  look: () => Promise<JobView | undefined>,
  change: Partial<JobReader> = {},
): Promise<string> {
  const app = Fastify()
  const sendEvents = createSendEvents(look)
  app.get('/', (request, reply) =>
    sendEvents('night', {
      caller: String(request.headers['x-caller'] ?? 'ann'),
      isLetIn: () => true,
      mediaType: 'text/event-stream',
      ...change,
      request,
      reply,
    }),
  )
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.teardown(() => app.close())
  return url
}

/** A node on which the job is, one look after the other, as the test says. */
async function open(t: Test, views: readonly JobView[]) {
  const left = [...views]
  const url = await listen(t, async () => left.shift())
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

t.test('who would not be let in any more is told nothing more', async t => {
  let bytes = 0
  let isLetIn = true
  const look = async () => viewOf({ bytes: ++bytes })
  const url = await listen(t, look, { isLetIn: () => isLetIn })
  const { body } = await fetch(url)
  const reader = body?.getReader()
  const first = await reader?.read()
  t.match(Buffer.from(first?.value ?? []).toString(), /^event: progress/)
  isLetIn = false
  t.match(await reader?.read(), { done: true })
})

t.test('a token that was taken away ends what its holder follows', async t => {
  const old = 'looks-uOa0T9IgRa7XqJqVw0X1Xw'
  const fail = () => Promise.reject(new Error('nothing is changed'))
  let bytes = 0
  const { port, setTokens } = await startAdmin(t, {
    warmJobs: {
      list: () => [],
      find: () => viewOf().job,
      put: fail,
      cancel: fail,
      tidy: async () => {},
    },
    warmViews: { view: () => viewOf(), ask: async () => viewOf({ bytes: ++bytes }) },
  })
  await setTokens(`${old} read the bridge`)
  const headers = { authorization: `Bearer ${old}` }
  const { body } = await fetch(`http://127.0.0.1:${port}/api/v1/jobs/night/events`, { headers })
  const reader = body?.getReader()
  for (const _ of [1, 2]) {
    const { value } = (await reader?.read()) ?? {}
    t.match(Buffer.from(value ?? []).toString(), /^event: progress/)
  }
  await setTokens('acts-9pV1tWZkQx2nB8sLrY5MdA read another')
  t.match(await reader?.read(), { done: true })
})

t.test('a job is looked at once for all who follow it', async t => {
  let looks = 0
  const url = await listen(t, async () => {
    looks += 1
    return looks < 3 ? viewOf({ bytes: looks }) : over
  })
  const texts = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(url)).text()))
  for (const text of texts) t.match(text, /event: end/)
  t.ok(looks < 15, `${looks} looks`)
})

t.test('so many follow jobs at once and no more, whoever they are', async t => {
  const url = await listen(t, async () => viewOf())
  const readers: AbortController[] = []
  // An answer that nobody holds is closed when memory is collected.
  const answers: Response[] = []
  t.teardown(() => {
    for (const reader of readers) reader.abort()
  })
  const follow = async (caller: string) => {
    const reader = new AbortController()
    readers.push(reader)
    const response = await fetch(url, { headers: { 'x-caller': caller }, signal: reader.signal })
    answers.push(response)
    if (!response.ok) await response.body?.cancel()
    return response
  }
  for (const caller of ['ann', 'bob', 'cem', 'dee']) {
    for (let i = 0; i < 25; i += 1) t.equal((await follow(caller)).status, 200)
    const more = await follow(caller)
    t.equal(more.status, 429)
    t.ok(Number(more.headers.get('retry-after')) > 0)
  }
  t.equal((await follow('eve')).status, 503)
  readers[0]?.abort()
  while ((await follow('ann')).status !== 200) await new Promise(setImmediate)
  t.equal((await follow('ann')).status, 429, 'whose place was left has one more')
})
