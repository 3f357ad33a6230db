import t from 'tap'
import { helloPeriodMs } from '../../src/mesh/announce.ts'
import { createMembersAnswer, fetchMembers } from '../../src/mesh/fetch-members.ts'
import { decodeHello, encodeHello } from '../../src/mesh/hello.ts'
import { createMemberTable, type MemberTable } from '../../src/mesh/member-table.ts'
import { encodeHellos, type ToldHello } from '../../src/mesh/mesh-message.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { NodeSignature } from '../../src/ports/node-signature.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { helloOf, plainTime, signatureOf } from './support.ts'

const clock = createMovableClock(Date.UTC(2026, 5, 1))

function makeTable(signature = signatureOf()): MemberTable {
  return createMemberTable(
    { signature, clock, time: plainTime(clock), log: silentLog, onOwn() {} },
    { protocols: { lowest: 1, highest: 1 }, nonce: 'ffffffffffffffff' },
  )
}

function helloBy(signature: NodeSignature, sequence: number): ToldHello {
  const body = encodeHello(helloOf(signature.self, { sequence, name: `edge-${sequence}` }))
  return { body, signature: signature.sign('hello', body), ageMs: 0 }
}

const tell = (table: MemberTable) => (id: string) => {
  const entry = table.entry(id)
  return entry && { ...entry.signed, ageMs: clock.monotonicMs() - entry.lastSeenMs }
}

/** CPU ms that it takes. */
function cpuMs(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

t.test('the hellos of a thousand members cost a node little', async t => {
  const count = 1_000
  const nodes = Array.from({ length: count }, () => signatureOf())
  const table = makeTable()
  for (const node of nodes) table.admit(helloBy(node, 1))
  t.equal(table.alive().length, count)

  const hellos = nodes.map(node => helloBy(node, 2))
  const message = encodeHellos(hellos.slice(0, 1))
  const ms = cpuMs(() => {
    for (const hello of hellos) table.admit(hello)
  })
  const periodSeconds = helloPeriodMs(count) / 1_000
  const perSecond = count / periodSeconds
  const share = ms / 1_000 / periodSeconds
  const bytesPerSecond = perSecond * message.length
  t.comment(
    `${message.length} bytes a hello, ${perSecond.toFixed(1)} a second, ${(ms / count).toFixed(3)} CPU ms each: ` +
      `${(100 * share).toFixed(3)} % of a core and ${Math.round(bytesPerSecond)} bytes a second per copy received`,
  )
  t.ok(message.length < 500)
  t.ok(perSecond <= 17)
  t.ok(share < 0.02, `${share} of a core`)
})

t.test('5 000 nodes say hello at most 17 times a second, 10 000 at most 34 times', async t => {
  for (const members of [1, 2, 100, 500, 1_000, 5_000, 10_000]) {
    const perSecond = members / (helloPeriodMs(members) / 1_000)
    const most = members > 5_000 ? 34 : 17
    t.ok(perSecond <= most, `${members} members: ${perSecond.toFixed(1)} a second`)
  }
})

t.test('a joiner reads the whole table of a thousand from one of them', async t => {
  const elder = makeTable()
  for (let i = 0; i < 1_000; i++) elder.admit(helloBy(signatureOf(), 1))
  const joiner = makeTable()
  const answer = createMembersAnswer({ table: elder, tell: tell(elder) })
  let bytes = 0
  let calls = 0
  const { signal } = new AbortController()
  await fetchMembers('ab'.repeat(32), {
    peer: {
      async call(_id, _subject, question, { maxBytes = 0 }) {
        const page = await answer(question, joiner.self, signal)
        calls += 1
        bytes += page.length
        t.ok(page.length <= maxBytes)
        return page
      },
    },
    hear: async hellos => hellos.map(hello => joiner.admit(hello)),
    idOf: ({ body }) => decodeHello(body)?.id,
    log: silentLog,
    signal,
  })
  t.comment(`${calls} calls, ${bytes} bytes`)
  t.equal(joiner.alive().length, 1_000)
  t.ok(calls <= 17)
  t.ok(bytes < 600_000)
})

t.test('one whose table does not go on is read no further', async t => {
  const elder = makeTable()
  elder.admit(helloBy(signatureOf(), 1))
  const page = await createMembersAnswer({ table: elder, tell: tell(elder) })(
    new Uint8Array(),
    '',
    new AbortController().signal,
  )
  let calls = 0
  await fetchMembers('ab'.repeat(32), {
    peer: {
      async call() {
        calls += 1
        return page
      },
    },
    hear: async () => {},
    idOf: ({ body }) => decodeHello(body)?.id,
    log: silentLog,
    signal: new AbortController().signal,
  })
  t.equal(calls, 2)
})

t.test('a table has room for ten thousand, and makes it of those that are gone', async t => {
  const trusting: NodeSignature = { ...signatureOf(), isSignedBy: () => true }
  const table = makeTable(trusting)
  const made = (number: number, ageMs = 0): ToldHello => ({
    body: encodeHello(helloOf(number.toString(16).padStart(64, '0'), { name: `n${number}` })),
    signature: new Uint8Array(64),
    ageMs,
  })
  t.equal(table.admit(made(1, 1e9)), 'known', 'it is gone, and remembered')
  for (let i = 2; i <= 10_000; i++) table.admit(made(i))
  t.equal(table.all().length, 10_000)
  t.equal(table.admit(made(10_001)), 'news')
  t.equal(table.get('1'.padStart(64, '0')), undefined)
  t.equal(table.admit(made(10_002)), 'limited', 'none of the living goes')
  t.equal(table.all().length, 10_000)
})
