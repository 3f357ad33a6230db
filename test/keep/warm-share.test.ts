import t from 'tap'
import {
  calledOff,
  decodeShare,
  encodeShare,
  foldShare,
  readShareKey,
  reasonOf,
  type Share,
  type ShareImage,
  shareKey,
} from '../../src/keep/warm-share.ts'
import { maxValueBytes } from '../../src/ledger/record.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { makeShareImage } from './warm-runner.support.ts'

const digest = digestOf(Buffer.from('image'))
const image = (change: Partial<ShareImage> = {}): ShareImage =>
  makeShareImage({ digest, ...change })
const share = (change: Partial<Share> = {}): Share => ({
  jobAtMs: 7,
  state: 'running',
  countedSinceMs: 3,
  bytes: 5,
  totalBytes: 9,
  images: [image()],
  ...change,
})

t.test('a share is read as it was written', t => {
  const states = ['pending', 'fetching', 'waiting', 'done', 'failed', 'elsewhere', 'unfit'] as const
  const images = [
    ...states.map(state => image({ state, reason: 'because' })),
    image({ digest: undefined, totalBytes: undefined }),
    image({ state: 'done', isRemembered: true }),
    image({ state: 'waiting', reason: 'away', waitsSinceMs: 1_790_000_000_000 }),
    image({ digest: `sha512:${'a'.repeat(128)}` as typeof digest }),
  ]
  const written = share({ state: 'waiting', images })
  t.strictSame(decodeShare(encodeShare(written), images.length), written)
  t.end()
})

t.test('an image says where its digest comes from, when no registry was reached', t => {
  t.equal(reasonOf(image()), undefined)
  t.equal(reasonOf(image({ reason: 'because' })), 'because')
  const isRemembered = true
  t.equal(reasonOf(image({ isRemembered })), 'from the ledger; registry not reached')
  t.match(reasonOf(image({ isRemembered, reason: 'because' })), /not reached; because$/)
  t.equal(reasonOf(image({ isRemembered, state: 'elsewhere' })), undefined)
  t.end()
})

t.test('what a version before this one said is read', t => {
  const read = decodeShare(`[7,"running",5,9,[["w",0,1,-1,"because"]],3]`, 1)
  const told = { state: 'waiting', digest: undefined, bytes: 1, totalBytes: undefined } as const
  t.strictSame(read?.images, [image({ ...told, reason: 'because' })])
  t.end()
})

t.test('what is no share of a job is none', t => {
  const text = encodeShare(share())
  t.equal(decodeShare(text, 2), undefined, 'another number of images')
  for (const bent of ['', '{}', '[]', '7', text.replace('running', 'sleeping'), text.slice(1)]) {
    t.equal(decodeShare(bent, 1), undefined, bent)
  }
  t.equal(decodeShare('[7,"running",5,9,[["f",0,-1,-1]]]', 1), undefined, 'negative bytes')
  t.equal(decodeShare('[7,"running",5,9,[["?",0,1,-1]]]', 1), undefined, 'no state')
  t.equal(decodeShare('[7,"running",5,9,[["f","sha256:abc",1,-1]]]', 1), undefined, 'no digest')
  t.end()
})

t.test('a share of three hundred images fits a register, whatever it has to say', t => {
  const reason = 'x'.repeat(300)
  const many = Array.from({ length: 300 }, () => image({ reason, bytes: 10 ** 12 }))
  const text = encodeShare(share({ images: many }))
  t.ok(Buffer.byteLength(text) <= maxValueBytes, `${text.length} bytes`)
  t.match(decodeShare(text, 300)?.images[0], { digest, reason: undefined })
  const long = `sha512:${'a'.repeat(128)}` as typeof digest
  const longer = encodeShare(share({ images: many.map(one => ({ ...one, digest: long })) }))
  t.ok(Buffer.byteLength(longer) <= maxValueBytes)
  t.match(decodeShare(longer, 300)?.images[0], { digest: undefined, bytes: 10 ** 12 })
  t.end()
})

t.test('what was heard is never behind what was known', t => {
  const known = share({ bytes: 8, totalBytes: 12, images: [image({ bytes: 8 })] })
  const again = share({ bytes: 1, totalBytes: 2, images: [image({ bytes: 1 })] })
  t.match(foldShare(known, again), { bytes: 8, totalBytes: 12, images: [{ bytes: 8 }] })
  const bare = image({ digest: undefined, bytes: 0, totalBytes: undefined, state: 'pending' })
  t.match(foldShare(known, share({ images: [bare] })).images, [
    { state: 'pending', digest, bytes: 8, totalBytes: 9 },
  ])
  const done = share({ images: [image({ state: 'done', bytes: 9 })] })
  t.match(foldShare(done, again).images, [{ state: 'done', bytes: 9 }])
  const other = image({ digest: digestOf(Buffer.from('other')), bytes: 0 })
  t.match(foldShare(known, share({ images: [other] })).images, [{ bytes: 0 }], 'another image')
  t.equal(foldShare(known, { ...again, jobAtMs: 8 }).bytes, 1, 'of another job')
  t.equal(foldShare(undefined, again), again)
  t.end()
})

t.test('of a node that found gone what it had, only what it said since counts', t => {
  const known = share({ images: [image({ state: 'done', bytes: 9 })], bytes: 9 })
  const since = share({ countedSinceMs: 4, bytes: 0, images: [image({ bytes: 0 })] })
  t.equal(foldShare(known, since), since)
  t.equal(foldShare(since, known), since, 'also where the older word is heard later')
  t.end()
})

t.test('a share as an earlier version wrote it is read', t => {
  const earlier = '[7,"running",5,9,[["f",0,1,-1]]]'
  t.match(decodeShare(earlier, 1), { bytes: 5, countedSinceMs: 0 })
  t.end()
})

t.test('shares are told by job and node', t => {
  const node = 'a'.repeat(64)
  t.strictSame(readShareKey(shareKey('night-1', node)), { job: 'night-1', node })
  t.end()
})

t.test('what a share of a job that was called off left undone waits for nothing', async t => {
  const waiting = makeShareImage({ state: 'waiting', reason: 'a.test is away', waitsSinceMs: 7 })
  const done = makeShareImage({ state: 'done', reason: 'told' })
  const open = share({ state: 'waiting', images: [waiting, done] })
  const { state, images } = calledOff(open)
  t.equal(state, 'cancelled')
  t.strictSame(images, [
    { ...waiting, state: 'pending', reason: undefined, waitsSinceMs: undefined },
    done,
  ])
  t.equal(calledOff({ ...open, state: 'ended' }).state, 'ended')
})
