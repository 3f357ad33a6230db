import t from 'tap'
import { readAhead } from '../../../src/adapters/containerd/read-ahead.ts'

const content = Buffer.from(Array.from({ length: 1_000 }, (_, i) => i % 251))

/** Reads pieces of 100 bytes and two ahead; where they began. */
function open() {
  const begun: number[] = []
  let failures = 0
  const read = readAhead(
    content.length,
    async (into, position) => {
      begun.push(position)
      if (failures-- > 0) throw new Error('it went away')
      return content.copy(into, 0, position)
    },
    { pieceBytes: 100, ahead: 2 },
  )
  async function take(length: number, position: number): Promise<Buffer> {
    const into = Buffer.alloc(length)
    return into.subarray(0, await read(into, position))
  }
  const failNext = () => {
    failures = 1
  }
  return { take, begun, failNext }
}

t.test('from front to back all comes once, and before it is needed', async t => {
  const { take, begun } = open()
  const got: Buffer[] = []
  for (let at = 0; at < content.length; at += got.at(-1)?.length ?? Number.NaN) {
    got.push(await take(30, at))
    if (at === 0) t.strictSame(begun, [0], 'who asks once may want no more')
    if (at === 30) t.strictSame(begun, [0, 100, 200])
  }
  t.ok(Buffer.concat(got).equals(content))
  t.strictSame(begun, [0, 100, 200, 300, 400, 500, 600, 700, 800, 900])
  t.equal((await take(30, content.length)).length, 0)
})

t.test('here and there costs what is asked for', async t => {
  const { take, begun } = open()
  for (const at of [500, 70, 990, 75]) {
    const got = await take(20, at)
    t.ok(got.equals(content.subarray(at, at + 20)), `at ${at}`)
  }
  t.strictSame(begun, [500, 70, 990, 75])
  const whole = await take(300, 10)
  t.ok(whole.equals(content.subarray(10, 310)), 'as much as several pieces')
})

t.test('what could not be had is asked for again', async t => {
  const { take, begun, failNext } = open()
  failNext()
  await t.rejects(take(10, 0), /went away/)
  t.ok((await take(10, 0)).equals(content.subarray(0, 10)))
  t.strictSame(begun, [0, 0])
  failNext()
  t.ok((await take(10, 10)).equals(content.subarray(10, 20)), 'a failure ahead is no failure')
  await take(80, 20)
  t.ok((await take(10, 100)).equals(content.subarray(100, 110)))
})
