import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { createMdnsSource } from '../../../src/adapters/mdns/mdns-source.ts'
import { createHeardLog } from '../sqlite/support.ts'

const never = new AbortController().signal
/** Administratively scoped, and a port of its own: no answer comes from the machine's real network. */
const group = '239.255.77.53'

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0)
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

function startNode(t: Test, digits: string, port: number, keyIds = ['deadbeef']) {
  const log = createHeardLog()
  const state = { nowMs: 0, addresses: ['127.0.0.1'] }
  const source = createMdnsSource(
    {
      self: digits.repeat(32),
      keyIds: () => keyIds,
      meshPort: Number(`1${Number.parseInt(digits, 16)}`),
      network: { addresses: () => state.addresses },
      nowMs: () => state.nowMs,
      log,
    },
    { port, group, gatherMs: 200 },
  )
  t.teardown(() => source.close())
  return { source, state, log }
}

/** Searches until it finds so many others; on a busy machine an answer may come after a search is over. */
async function find({ source }: ReturnType<typeof startNode>, count: number) {
  let found = await source.find(never)
  for (let more = 0; found.length < count && more < 20; more += 1) found = await source.find(never)
  return found
}

t.test('nodes on one network find each other, and not themselves', async t => {
  const port = await freePort()
  const a = startNode(t, '0a', port)
  const b = startNode(t, '0b', port)
  await a.source.find(never)
  t.strictSame(await find(b, 1), ['127.0.0.1:110'])
  t.strictSame(await find(a, 1), ['127.0.0.1:111'])
})

t.test('a copy of the node on another machine is found', async t => {
  const port = await freePort()
  const a = startNode(t, '0a', port)
  const copy = startNode(t, '0a', port)
  copy.state.addresses = ['127.0.0.2']
  await copy.source.find(never)
  t.strictSame(await find(a, 1), ['127.0.0.2:110'])
})

t.test(
  'a node of another cluster is not found; one that accepts an older key of ours is',
  async t => {
    const port = await freePort()
    const a = startNode(t, '0a', port, ['new', 'old'])
    const b = startNode(t, '0b', port, ['other'])
    const c = startNode(t, '0c', port, ['old'])
    await b.source.find(never)
    await c.source.find(never)
    t.strictSame(await find(a, 1), ['127.0.0.1:112'])
  },
)

t.test('what was not said for two minutes is forgotten', async t => {
  const port = await freePort()
  const a = startNode(t, '0a', port)
  const b = startNode(t, '0b', port)
  await b.source.find(never)
  t.equal((await find(a, 1)).length, 1)
  await b.source.close()
  t.equal((await a.source.find(never)).length, 1)
  a.state.nowMs += 130_000
  t.equal((await a.source.find(never)).length, 0)
})

t.test('rubbish on the network and interfaces that go are survived', async t => {
  const port = await freePort()
  const a = startNode(t, '0a', port)
  const b = startNode(t, '0b', port)
  await b.source.find(never)
  await a.source.find(never)
  const socket = createSocket('udp4')
  t.teardown(() => void socket.close())
  const send = (bytes: Buffer) =>
    new Promise(resolve => socket.send(bytes, port, '127.0.0.1', resolve))
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(12, 0xff), Buffer.from('GET / HTTP/1.1')]) {
    await send(bytes)
  }
  t.equal((await find(a, 1)).length, 1)
  a.state.addresses = []
  await a.source.find(never)
  a.state.addresses = ['127.0.0.1', '192.0.2.77', 'fd00::1']
  t.equal((await find(a, 1)).length, 1, 'one that cannot be opened hides no other')
})

t.test('a search ends with its signal', async t => {
  const a = startNode(t, '0a', await freePort())
  await t.rejects(a.source.find(AbortSignal.abort()), { name: 'AbortError' })
})
