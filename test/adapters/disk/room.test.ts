import t from 'tap'
import { createRoom, readFileSystem } from '../../../src/adapters/disk/room.ts'
import { contentFrom } from './support.ts'

const { digest } = contentFrom(1, 1)

function open(dir: string, limits: { quotaBytes?: number; minFreeBytes?: number }) {
  const state = { used: 0, canFree: 0, asked: [] as number[] }
  const room = createRoom(
    {
      dir,
      usedBytes: () => state.used,
      async makeRoom(bytes) {
        state.asked.push(bytes)
        if (state.canFree < bytes) return false
        state.used -= bytes
        return true
      },
    },
    { quotaBytes: 2 ** 40, minFreeBytes: 0, ...limits },
  )
  return { room, state }
}

t.test('two downloads are not promised the same bytes', async t => {
  const { room } = open(t.testdir(), { quotaBytes: 100 })
  const both = await Promise.allSettled([room.reserve(digest, 60), room.reserve(digest, 60)])
  t.strictSame(
    both.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
})

t.test('what a download did not fill is free again when it ends', async t => {
  const { room, state } = open(t.testdir(), { quotaBytes: 100 })
  const first = await room.reserve(digest, 100)
  first.filled(30)
  state.used = 30
  await t.rejects(room.reserve(digest, 1), { code: 'store-full' })
  first.release()
  await room.reserve(digest, 70)
  await t.rejects(room.reserve(digest, 1), { code: 'store-full' })
})

t.test('a download may grow only as far as there is room', async t => {
  const { room } = open(t.testdir(), { quotaBytes: 100 })
  const reservation = await room.reserve(digest, 0)
  await reservation.grow(90)
  await t.rejects(reservation.grow(11), { code: 'store-full' })
  await reservation.grow(10)
  reservation.release()
  await room.reserve(digest, 100)
})

t.test('the free space of the file system is kept', async t => {
  const dir = t.testdir()
  const { freeBytes } = await readFileSystem(dir)
  const { room, state } = open(dir, { minFreeBytes: freeBytes + 2 ** 30 })
  await t.rejects(room.reserve(digest, 100), { code: 'store-full' })
  t.ok((state.asked[0] ?? 0) > 2 ** 29, 'what is missing is asked for')
  const roomy = open(dir, { minFreeBytes: Math.max(0, freeBytes - 2 ** 30) })
  await roomy.room.reserve(digest, 2 ** 20)
})

t.test('room is asked for only when something is missing, and exactly that', async t => {
  const { room, state } = open(t.testdir(), { quotaBytes: 100 })
  state.used = 90
  state.canFree = 50
  const first = await room.reserve(digest, 10)
  t.strictSame(state.asked, [])
  first.release()
  await room.reserve(digest, 40)
  t.strictSame(state.asked, [30])
})

t.test('nothing is asked for nothing', async t => {
  const { room, state } = open(t.testdir(), { quotaBytes: 100 })
  state.used = 200
  await room.reserve(digest, 0)
  t.strictSame(state.asked, [])
})
