import t from 'tap'
import { digestOf } from '../../../src/oci/digest.ts'
import { makeClient, never, startServer } from './support.ts'

t.test('a reader that pauses makes the sender pause, and loses nothing', async t => {
  const size = 64 * 1024 * 1024
  let readTo = 0
  const openBlob = async () => ({
    size,
    read: async (into: Uint8Array, position: number) => {
      const length = Math.min(into.length, size - position)
      readTo = position + length
      return length
    },
    close: async () => {},
  })
  const { id, address } = await startServer(t, { openBlob })
  const client = makeClient(t, { [id]: [address] }, { stallMs: 60_000 })
  const question = {
    digest: digestOf(Buffer.of(1)),
    repository: { registry: 'a.lab', repository: 'b' },
    offset: 0,
    relay: false,
    priority: 'pull',
  } as const
  const { body } = await client.openBlob(id, question, { signal: never, firstByteMs: 10_000 })
  let before = -1
  while (before !== readTo) {
    before = readTo
    for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate)
  }
  t.ok(readTo < size / 2, `${readTo} bytes are on the way`)
  let length = 0
  for await (const chunk of body) length += chunk.length
  t.equal(length, size)
})
