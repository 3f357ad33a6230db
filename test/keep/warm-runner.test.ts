import t from 'tap'
import type { WarmJob } from '../../src/keep/warm-job.ts'
import { encodeShare, type ImageState, shareKey } from '../../src/keep/warm-share.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import {
  digestBehind,
  makeBook,
  makeJob,
  makeShareImage,
  openRunner,
  others,
  self,
} from './warm-runner.support.ts'

const settleMs = 7_000

t.test('a registry that comes and goes holds up nothing of another', async t => {
  const job = makeJob({ images: ['a.test/app:v1', 'b.test/app:v1'] })
  const { runner, asked, pass, recover, arrive } = openRunner([job], { settleMs })
  for (let passed = 0; passed < settleMs; passed += 500) {
    await pass(500)
    recover('b.test')
  }
  t.strictSame(asked, ['a.test'], 'as soon as it had its turn after the start')
  await arrive('a.test')
  t.match(runner.share('night')?.images, [{ state: 'done' }, { state: 'pending' }])
  await runner.close()
})

t.test('a registry that comes and goes is fetched from all the same', async t => {
  const { runner, asked, pass, recover, arrive } = openRunner([makeJob()], { settleMs })
  for (let passed = 0; passed < 2 * settleMs; passed += 500) {
    recover('a.test')
    await pass(500)
  }
  t.strictSame(asked, ['a.test'], 'it was held once, and then let go on')
  await arrive('a.test')
  t.equal(runner.share('night')?.state, 'ended')
  await runner.close()
})

t.test('a registry that comes back later holds again what is under way from it', async t => {
  const { runner, asked, pass, recover } = openRunner([makeJob()], { settleMs })
  await pass(settleMs)
  recover('a.test', false)
  await pass(1)
  t.equal(asked.length, 1, 'one repository alone holds nothing')
  for (const held of [1, 2]) {
    recover('a.test')
    await pass(settleMs - 1)
    t.equal(asked.length, held, 'until its turn comes')
    await pass(settleMs + 1)
    t.equal(asked.length, held + 1)
  }
  await runner.close()
})

const nodes = [self, ...others]

/** Jobs of two copies each, of all of which the nodes said that they are over. */
async function overJobs(count: number, images: number) {
  const jobs = Array.from({ length: count }, (_, at) =>
    makeJob({
      id: `job-${at}`,
      images: Array.from({ length: images }, (_, image) => `a.test/app-${at}:v${image}`),
      scope: { type: 'copies', copies: 2 },
    }),
  )
  const book = makeBook()
  for (const job of jobs) for (const node of nodes) await book.set(...saysOf(job, node))
  return { jobs, book }
}

/** The first node has none of the images, the others all of them. */
function saysOf(job: WarmJob, node: NodeId): [string, { readonly value: string }] {
  const state: ImageState = node === self ? 'elsewhere' : 'done'
  const images = job.images.map(image => makeShareImage({ state, digest: digestBehind(image) }))
  const share = {
    jobAtMs: job.createdAtMs,
    state: 'ended',
    countedSinceMs: 0,
    bytes: 0,
    totalBytes: 0,
    images,
  } as const
  return [shareKey(job.id, node), { value: encodeShare(share) }]
}

t.test('what is over is looked at without reading again what nodes said', async t => {
  const { jobs, book } = await overJobs(10, 20)
  const isOurs = () => false
  const { runner, settle, membersChange, decodedSince } = openRunner(jobs, { book, isOurs })
  await settle()
  t.equal(decodedSince(), jobs.length * nodes.length, 'each word once')
  membersChange()
  await settle()
  t.equal(decodedSince(), 0, 'nothing changed')

  const [first = makeJob()] = jobs
  await book.set(...saysOf(first, others[0]))
  membersChange()
  await settle()
  t.equal(decodedSince(), 1, 'what changed alone')
  await runner.close()
})

t.test('what others said is not read where nothing was left to them', async t => {
  const { jobs, book } = await overJobs(3, 5)
  const all = jobs.map(job => ({ ...job, scope: { type: 'all' } as const }))
  const { runner, settle, decodedSince } = openRunner(all, { book, isOurs: () => true })
  await settle()
  t.equal(decodedSince(), jobs.length, "this node's own")
  await runner.close()
})

t.test('what was left to others is begun here once it is to be had here', async t => {
  const { jobs, book } = await overJobs(2, 1)
  let isOurs = false
  const opened = openRunner(jobs, { book, isOurs: () => isOurs })
  const { runner, asked, pass, settle, membersChange } = opened
  await pass(0)
  t.strictSame(asked, [])
  isOurs = true
  membersChange()
  await settle()
  await pass(0)
  t.equal(asked.length, 2, 'an image of each job')
  await runner.close()
})
