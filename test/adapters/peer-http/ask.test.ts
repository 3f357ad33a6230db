import t, { type Test } from 'tap'
import { digestOf } from '../../../src/oci/digest.ts'
import type { PeerBlobQuestion } from '../../../src/ports/peer-port.ts'
import {
  makeClient,
  makeIdentity,
  never,
  options,
  startRawServer,
  startServer,
  until,
} from './support.ts'

const one = Buffer.of(1)
const digest = digestOf(one)
const repository = { registry: 'a.lab', repository: 'b' }
const question: PeerBlobQuestion = {
  digest,
  repository,
  offset: 0,
  relay: false,
  priority: 'pull',
}

/** A client, and what it told of whom it asked. */
function listen(t: Test, addresses: Readonly<Record<string, readonly string[]>>, stallMs = 20_000) {
  const told: string[] = []
  const trips: number[] = []
  const client = makeClient(t, addresses, {
    stallMs,
    onHeard: (_, ms) => {
      told.push('heard')
      trips.push(ms)
    },
    onMissed: () => void told.push('missed'),
    onSilent: () => void told.push('silent'),
    onStalled: () => void told.push('stalled'),
  })
  return { client, told, trips }
}

t.test('every answer is told as heard, with its round trip', async t => {
  const { id, address } = await startServer(t, {
    answers: new Map([['echo', async question => question]]),
  })
  const { client, told, trips } = listen(t, { [id]: [address] })
  await client.call(id, 'echo', one, options)
  await t.rejects(client.call(id, 'unknown', one, options), { code: 'absent' })
  await t.rejects(client.openBlob(id, question, { signal: never, firstByteMs: 10_000 }))
  // On a busy machine an answer may be late, which is told too.
  t.same(
    told.filter(one => one !== 'silent'),
    ['heard', 'heard', 'heard'],
  )
  t.ok(trips.every(ms => ms > 0 && ms < 10_000))
})

t.test('who cannot be reached or breaks off is told as missed', async t => {
  const breaking = await startRawServer(t, socket => socket.destroy())
  const { id: nobody } = makeIdentity()
  const { client, told } = listen(t, {
    [breaking.id]: [breaking.address],
  })
  const soon = { signal: never, timeoutMs: 200 }
  await t.rejects(client.call(nobody, 'x', one, soon), { code: 'unreachable' })
  await t.rejects(client.call(breaking.id, 'x', one, options), { code: 'unreachable' })
  t.same(
    told.filter(one => one !== 'silent'),
    ['missed', 'missed'],
  )
})

t.test('who says nothing for half a second is told as silent, and is waited for', async t => {
  const gate = Promise.withResolvers<void>()
  const { id, address } = await startServer(t, {
    answers: new Map([
      [
        'slow',
        async question => {
          await gate.promise
          return question
        },
      ],
    ]),
  })
  const { client, told } = listen(t, { [id]: [address] })
  await client.call(id, 'none', one, options).catch(() => {})
  const before = told.length
  const asking = client.call(id, 'slow', one, options)
  await until(() => told.length > before)
  gate.resolve()
  t.same(await asking, one)
  t.same(told.slice(before), ['silent', 'heard'])
})

t.test('a node is not silent because who asked had no time, or it asks others', async t => {
  const silent = await startRawServer(t, () => {})
  const { client, told } = listen(t, { [silent.id]: [silent.address] })
  const abort = new AbortController()
  const asking = client.call(silent.id, 'x', one, { signal: abort.signal, timeoutMs: 60_000 })
  await until(() => client.connections().length === 1)
  abort.abort(new Error('changed my mind'))
  await t.rejects(asking, { message: 'changed my mind' })
  const relayed = { ...question, relay: true }
  const opening = client.openBlob(silent.id, relayed, { signal: never, firstByteMs: 200 })
  await t.rejects(opening, { code: 'timeout' })
  const soon = { signal: never, timeoutMs: 100 }
  await t.rejects(client.call(silent.id, 'x', one, soon), { code: 'timeout' })
  await new Promise(resolve => setTimeout(resolve, 600))
  t.same(told, [])
})

t.test('a blob that stalls or breaks is told, also when nobody reads it', async t => {
  for (const [fault, as] of [
    ['stall', 'stalled'],
    ['break', 'missed'],
  ] as const) {
    const holder = await startRawServer(t, socket => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
      if (fault === 'break') socket.end()
    })
    const stallMs = fault === 'stall' ? 150 : 20_000
    const { client, told } = listen(t, { [holder.id]: [holder.address] }, stallMs)
    await client.openBlob(holder.id, question, { signal: never, firstByteMs: 10_000 })
    await until(() => told.includes(as))
    t.same(
      told.filter(one => one !== 'silent'),
      ['heard', as],
      fault,
    )
  }
})

t.test('a kept connection that the other side closed costs nothing', async t => {
  const { id, address, server } = await startServer(t, {
    answers: new Map([['echo', async question => question]]),
  })
  const identity = makeIdentity()
  const client = makeClient(t, { [id]: [address] }, { identity })
  for (let i = 0; i < 5; i += 1) {
    await client.call(id, 'echo', one, options)
    server.hangUp(identity.id)
    // Sometimes before it is seen here, sometimes after.
    for (let turn = 0; turn < i; turn += 1) await new Promise(setImmediate)
    t.same(await client.call(id, 'echo', one, options), one)
  }
})

t.test('a node that breaks off each time is asked no more than twice', async t => {
  let asked = 0
  const breaking = await startRawServer(t, socket => {
    asked += 1
    if (asked === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1')
    else socket.destroy()
  })
  const client = makeClient(t, { [breaking.id]: [breaking.address] })
  await client.call(breaking.id, 'x', one, options)
  await t.rejects(client.call(breaking.id, 'x', one, options), { code: 'unreachable' })
  t.equal(asked, 3)
})

t.test('questions one after another use one connection', async t => {
  const { id, address, server } = await startServer(t, {
    answers: new Map([['echo', async question => question]]),
  })
  const client = makeClient(t, { [id]: [address] })
  for (let i = 0; i < 100; i += 1) await client.call(id, 'echo', one, options)
  t.equal(server.connections().length, 1)
})
