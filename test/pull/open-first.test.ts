import t from 'tap'
import { digestOf } from '../../src/oci/digest.ts'
import type { BlobSource } from '../../src/ports/blob-source.ts'
import { openFirst } from '../../src/pull/open-first.ts'
import { failure, repositoryOf } from '../support/fake-upstream.ts'
import { stayAlive } from '../support/pull-parts.ts'

const { signal } = new AbortController()
const repository = repositoryOf('lab/app')
const digest = digestOf(Buffer.from('a blob'))

/** A source that answers when the test says so. */
function sourceOf(name: string, limits: Partial<BlobSource> = {}) {
  const asked = Promise.withResolvers<{ say: () => void; isCut: AbortSignal; atMs: number }>()
  const answer = Promise.withResolvers<void>()
  const source: BlobSource = {
    name,
    kind: 'peer',
    reach: () => ({ state: 'reachable' }),
    async open(_digest, _repository, offset, isCut, onWorking = () => {}) {
      asked.resolve({ say: onWorking, isCut, atMs: performance.now() })
      await answer.promise
      return { offset, size: 1, body: one() }
    },
    ...limits,
  }
  async function* one() {
    yield new Uint8Array(1)
  }
  return { source, asked: asked.promise, answer: answer.resolve, fail: answer.reject }
}

function race(sources: readonly BlobSource[]) {
  const failed: string[] = []
  const winner = openFirst(sources, {
    open: (source, ends, onWorking) => source.open(digest, repository, 0, ends, onWorking),
    failed: ({ name }) => failed.push(name),
    signal,
  }).then(opened => opened?.source.name)
  return { winner, failed }
}

t.test('a source that is silent for longer than is usual is raced, and the loser cut', async t => {
  stayAlive(t)
  const [silent, next] = [sourceOf('silent', { raceAfterMs: 50 }), sourceOf('next')]
  const sinceMs = performance.now()
  const { winner } = race([silent.source, next.source])
  const { atMs } = await next.asked
  t.ok(atMs - sinceMs >= 45)
  next.answer()
  t.equal(await winner, 'next')
  t.ok((await silent.asked).isCut.aborted)
})

t.test('one that says that it is at it is not raced for its silence', async t => {
  stayAlive(t)
  const limits = { raceAfterMs: 150, raceWorkingAfterMs: 60_000 }
  const [working, next] = [sourceOf('working', limits), sourceOf('next')]
  let isNextAsked = false
  next.asked.then(() => {
    isNextAsked = true
  })
  const { winner } = race([working.source, next.source])
  const { say } = await working.asked
  const saying = setInterval(say, 20)
  await new Promise(resolve => setTimeout(resolve, 600))
  clearInterval(saying)
  working.answer()
  t.equal(await winner, 'working')
  t.notOk(isNextAsked)
})

t.test('one that was at it and falls silent is raced', async t => {
  stayAlive(t)
  const limits = { raceAfterMs: 50, raceWorkingAfterMs: 60_000 }
  const [working, next] = [sourceOf('working', limits), sourceOf('next')]
  const { winner } = race([working.source, next.source])
  const { say } = await working.asked
  say()
  await next.asked
  next.answer()
  t.equal(await winner, 'next')
})

t.test('one that is at it for too long is raced, and may still win', async t => {
  stayAlive(t)
  const limits = { raceAfterMs: 150, raceWorkingAfterMs: 300 }
  const [working, next] = [sourceOf('working', limits), sourceOf('next')]
  const { winner } = race([working.source, next.source])
  const { say, atMs } = await working.asked
  const saying = setInterval(say, 20)
  const raced = await next.asked
  clearInterval(saying)
  t.ok(raced.atMs - atMs >= 290)
  working.answer()
  t.equal(await winner, 'working')
  t.ok(raced.isCut.aborted)
})

t.test('limits that change while it is waited for count at once', async t => {
  stayAlive(t)
  let raceAfterMs = 60_000
  const [silent, next] = [sourceOf('silent'), sourceOf('next')]
  Object.defineProperty(silent.source, 'raceAfterMs', { get: () => raceAfterMs })
  const { winner } = race([silent.source, next.source])
  const { atMs } = await silent.asked
  await new Promise(resolve => setTimeout(resolve, 100))
  raceAfterMs = 300 // a client has come
  const raced = await next.asked
  const tookMs = raced.atMs - atMs
  t.ok(tookMs >= 290 && tookMs < 30_000, `${tookMs} ms`)
  next.answer()
  t.equal(await winner, 'next')
})

t.test('what came while this process stood still itself is read before it is judged', async t => {
  stayAlive(t)
  const limits = { raceAfterMs: 150, raceWorkingAfterMs: 60_000 }
  const [working, next] = [sourceOf('working', limits), sourceOf('next')]
  const { port1: here, port2: there } = new MessageChannel()
  t.teardown(() => here.close())
  let isNextAsked = false
  next.asked.then(() => {
    isNextAsked = true
  })
  const { winner } = race([working.source, next.source])
  const { say } = await working.asked
  here.on('message', say)
  await new Promise(resolve => setImmediate(resolve))
  there.postMessage('at it')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
  await new Promise(resolve => setTimeout(resolve, 50))
  t.notOk(isNextAsked)
  working.answer()
  t.equal(await winner, 'working')
})

t.test('when all fail there is none, and each failure is told', async t => {
  const sources = [sourceOf('a'), sourceOf('b')]
  for (const { fail } of sources) fail(failure('unreachable'))
  const { winner, failed } = race(sources.map(({ source }) => source))
  t.equal(await winner, undefined)
  t.strictSame(failed, ['a', 'b'])
})
