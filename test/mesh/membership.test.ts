import t, { type Test } from 'tap'
import { type Membership, startMembership } from '../../src/mesh/membership.ts'
import { byeType } from '../../src/mesh/mesh-message.ts'
import type { NodeSignature } from '../../src/ports/node-signature.ts'
import { PeerFailure } from '../../src/ports/peer-port.ts'
import { type SimulatedEnd, type SimulatedNetwork, simulateNetwork } from './simulated-network.ts'
import {
  memoryMemberStore,
  plainTime,
  rememberingLog,
  type SimulatedTime,
  seededRandom,
  signatureOf,
  simulateTime,
} from './support.ts'

interface Node extends Membership {
  readonly end: SimulatedEnd
  readonly address: string
  readonly id: string
  readonly log: ReturnType<typeof rememberingLog>
  readonly store: ReturnType<typeof memoryMemberStore>
  readonly facts: { upstreams: string[]; name: string }
}

interface World {
  readonly time: SimulatedTime
  readonly network: SimulatedNetwork
  start(t: Test, address: string, options?: Partial<Options>): Promise<Node>
}

interface Options {
  readonly signature: NodeSignature
  readonly store: ReturnType<typeof memoryMemberStore>
  readonly name: string
  readonly nonce: string
  readonly protocols: { readonly lowest: number; readonly highest: number }
}

let nonces = 0

function world(): World {
  const time = simulateTime()
  const network = simulateNetwork(time)
  return {
    time,
    network,
    async start(t, address, options = {}) {
      const signature = options.signature ?? signatureOf()
      const store = options.store ?? memoryMemberStore()
      const end = network.plug(signature.self, address)
      const log = rememberingLog()
      const facts = { upstreams: ['docker.io'], name: options.name ?? `node at ${address}` }
      const membership = await startMembership(
        {
          ...time,
          ...end,
          signature,
          store,
          log,
          time: plainTime(time.clock),
          random: seededRandom(++nonces),
          facts: () => ({
            ...facts,
            zone: undefined,
            platforms: ['linux/amd64'],
            peerAddresses: [address.replace('5053', '5052')],
            meshAddresses: [address],
            ledgerRoot: '',
            records: 0,
            roomBytes: 0,
            keyId: 'deadbeef',
            acceptedKeyIds: ['deadbeef'],
          }),
        },
        {
          version: '0.1.0',
          protocols: options.protocols ?? { lowest: 1, highest: 1 },
          nonce: options.nonce ?? nonces.toString(16).padStart(16, '0'),
        },
      )
      end.bus.judge(membership.judge)
      end.bus.answerGreetings(membership.answerGreeting)
      end.answers = membership.answers
      let isOver = false
      const closeInTime = async () => {
        if (isOver) return
        isOver = true
        const closing = membership.close()
        await time.pass(1_000)
        await closing
      }
      t.teardown(closeInTime)
      return {
        ...membership,
        close: closeInTime,
        end,
        address,
        id: signature.self,
        log,
        store,
        facts,
      }
    },
  }
}

const dial = (from: Node, to: Node) => from.end.bus.dial(to.address, new AbortController().signal)

const states = (node: Node) =>
  Object.fromEntries(node.table.all().map(member => [member.meshAddresses[0], member.state]))

t.test('two nodes that meet know each other within a moment', async t => {
  const { time, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  void dial(a, b)
  await time.until(() => a.table.alive().length === 1 && b.table.alive().length === 1, 100)
  t.match(a.table.get(b.id), {
    name: 'node at 10.0.0.2:5053',
    state: 'alive',
    peerAddresses: ['10.0.0.2:5052'],
    upstreams: ['docker.io'],
    isNeighbour: true,
    protocol: 1,
    keyId: 'deadbeef',
  })
  t.equal(b.table.get(a.id)?.isNeighbour, true)
})

t.test('a third one is known to those it is not connected with', async t => {
  const { time, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  const c = await start(t, '10.0.0.3:5053')
  void dial(a, b)
  await time.until(() => b.table.alive().length === 1, 100)
  await time.pass(60_000)
  void dial(c, b)
  const tookMs = await time.until(
    () => a.table.alive().length === 2 && c.table.alive().length === 2,
    2_000,
  )
  t.ok(tookMs <= 1_000, `${tookMs} ms`)
  t.equal(a.table.get(c.id)?.isNeighbour, false)
})

t.test('the array of the living is the same until something changes', async t => {
  const { time, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  void dial(a, b)
  await time.until(() => a.table.alive().length === 1, 100)
  await time.pass(5_000)
  const before = a.table.alive()
  a.table.heard(b.id, 3)
  t.equal(a.table.alive(), before)
  t.equal(before[0]?.roundTripMs, 3)
  a.table.missed(b.id)
  t.not(a.table.alive(), before)
})

t.test('what changes is told at once, and not too often', async t => {
  const { time, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  void dial(a, b)
  await time.pass(10_000)
  a.facts.upstreams = []
  a.changed()
  const tookMs = await time.until(() => b.table.get(a.id)?.upstreams.length === 0, 1_000)
  t.ok(tookMs < 200, `${tookMs} ms`)
  const before = a.end.sent.messages
  for (let i = 0; i < 200; i++) {
    a.changed()
    await time.pass(100)
  }
  t.ok(a.end.sent.messages - before < 10, `${a.end.sent.messages - before} in 20 s`)
})

t.test('a node that was killed is gone in seconds', async t => {
  const { time, network, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  void dial(a, b)
  await time.until(() => a.table.alive().length === 1, 100)
  network.unplug(b.address)
  t.strictSame(states(a), { [b.address]: 'suspect' })
  t.strictSame(a.table.alive(), [])
  const tookMs = await time.until(() => a.table.get(b.id)?.state === 'gone', 10_000)
  t.ok(tookMs <= 5_000, `${tookMs} ms`)
})

t.test('a node that did not answer once and does answer a probe is alive again', async t => {
  const { time, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  void dial(a, b)
  await time.until(() => a.table.alive().length === 1, 100)
  a.table.missed(b.id)
  t.equal(a.table.get(b.id)?.state, 'suspect')
  await time.until(() => a.table.get(b.id)?.roundTripMs !== undefined, 100)
  t.equal(a.table.get(b.id)?.state, 'alive')
})

t.test('a node that is slow to answer is in doubt only when a probe is silent, too', async t => {
  const { time, network, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  void dial(a, b)
  await time.until(() => a.table.alive().length === 1, 100)
  const seen: unknown[] = []
  const stop = a.table.onChange(() => seen.push(a.table.get(b.id)?.state))
  a.table.silent(b.id)
  await time.pass(5_000)
  stop()
  t.notOk(seen.includes('suspect'))

  const { call } = a.end.peer
  const fail: typeof call = async () => {
    throw new PeerFailure('timeout', 'silent')
  }
  a.end.peer.call = fail
  a.table.silent(b.id)
  await time.until(() => a.table.get(b.id)?.state === 'suspect', 100)
  t.match(a.table.get(b.id), { isUnanswered: false })
  await time.until(() => a.table.get(b.id)?.isUnanswered === true, 5_000)
  a.end.peer.call = call
  network.unplug(b.address)
})

t.test(
  'a node that stops in the middle of an answer is waited for no longer, until it answers',
  async t => {
    const { time, start } = world()
    const a = await start(t, '10.0.0.1:5053')
    const b = await start(t, '10.0.0.2:5053')
    void dial(a, b)
    await time.until(() => a.table.alive().length === 1, 100)
    const { call } = a.end.peer
    a.end.peer.call = async () => {
      throw new PeerFailure('timeout', 'silent')
    }
    a.table.stalled(b.id)
    t.match(a.table.get(b.id), { state: 'suspect', isUnanswered: true })
    a.end.peer.call = call
    await time.until(() => a.table.get(b.id)?.state === 'alive', 10_000)
    t.match(a.table.get(b.id), { isUnanswered: false })

    a.end.peer.call = async () => {
      throw new PeerFailure('timeout', 'silent')
    }
    a.table.silent(b.id)
    await time.until(() => a.table.get(b.id)?.state === 'suspect', 2_000)
    let news = 0
    const stop = a.table.onChange(() => {
      news += 1
    })
    a.table.stalled(b.id)
    stop()
    t.match(a.table.get(b.id), { isUnanswered: true }, 'also when a probe was silent before')
    t.equal(news, 1, 'and who waits hears of it')
  },
)

t.test('who says bye is gone at once, and stays it whatever others tell', async t => {
  const { time, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  const c = await start(t, '10.0.0.3:5053')
  void dial(a, b)
  void dial(c, b)
  await time.until(() => a.table.alive().length === 2, 2_000)
  await c.close()
  t.strictSame(states(a), { [b.address]: 'alive', [c.address]: 'gone' })
  await time.pass(20_000)
  t.equal(a.table.get(c.id)?.state, 'gone')
})

t.test('silence of three periods is the end of a member', async t => {
  const { time, network, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  const c = await start(t, '10.0.0.3:5053')
  void dial(a, b)
  void dial(c, b)
  await time.until(() => a.table.alive().length === 2, 2_000)
  // Nobody asks it anything, and the one it is connected with goes first.
  network.unplug(b.address)
  network.unplug(c.address)
  await time.pass(60_000)
  t.equal(a.table.get(c.id)?.state, 'alive')
  await time.pass(40_000)
  t.equal(a.table.get(c.id)?.state, 'gone')
  t.ok(a.log.lines.some(({ fields }) => fields['why'] === 'silent for long'))
})

t.test(
  'a node that others hear and this one cannot reach is in doubt, and not among the living',
  async t => {
    const { time, start } = world()
    const a = await start(t, '10.0.0.1:5053')
    const b = await start(t, '10.0.0.2:5053')
    const c = await start(t, '10.0.0.3:5053')
    void dial(a, b)
    void dial(c, b)
    await time.until(() => a.table.alive().length === 2, 2_000)
    c.end.answers = new Map()
    const answering = a.end.peer.call
    Object.assign(a.end.peer, {
      call: async (
        id: string,
        ...rest: Parameters<typeof answering> extends [string, ...infer R] ? R : never
      ) => {
        if (id === c.id) throw new Error('no way there')
        return answering(id, ...rest)
      },
    })
    a.table.missed(c.id)
    await time.pass(300_000)
    t.equal(a.table.get(c.id)?.state, 'suspect')
    t.strictSame(
      a.table.alive().map(member => member.id),
      [b.id],
    )
    const turns = a.log.lines.filter(line => line.fields['id'] === c.id).length
    t.ok(turns <= 4, `${turns} lines in five minutes`)
  },
)

t.test('an older hello, replayed, changes nothing', async t => {
  const { time, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  const old = b.own.renew()
  b.facts.upstreams = ['ghcr.io']
  b.changed()
  await time.pass(1_000)
  void dial(a, b)
  await time.until(() => a.table.alive().length === 1, 100)
  t.equal(a.table.admit(old), 'known')
  t.strictSame(a.table.get(b.id)?.upstreams, ['ghcr.io'])
})

t.test('a hello that its node did not sign is held against who hands it on', async t => {
  const { start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  const { encodeHellos } = await import('../../src/mesh/mesh-message.ts')
  const sound = b.own.renew()
  const forged = { ...sound, signature: Buffer.alloc(64, 1) }
  t.equal(a.judge(encodeHellos([forged]), b.id), 'reject')
  t.equal(a.judge(encodeHellos([sound]), b.id), 'accept')
  t.equal(a.judge(encodeHellos([sound]), b.id), 'ignore')
  t.equal(a.judge(Buffer.of(2, 1, 2, 3), b.id), 'reject')
  t.equal(a.judge(Buffer.of(byeType), b.id), 'reject')
  t.equal(a.judge(new Uint8Array(), b.id), 'reject')
})

t.test('a node that says hello all the time is heard at a bounded rate', async t => {
  const { start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  const heard = Array.from({ length: 200 }, () => a.table.admit(b.own.renew()))
  t.equal(heard.filter(one => one === 'newer').length, 20)
  t.equal(heard.filter(one => one === 'limited').length, 179)
})

t.test(
  'a restarted node beats its own earlier word, also when it forgot how often it was started',
  async t => {
    const { time, network, start } = world()
    const a = await start(t, '10.0.0.1:5053')
    const signature = signatureOf()
    const store = memoryMemberStore()
    await store.setBootNumber(41)
    const b = await start(t, '10.0.0.2:5053', { signature, store })
    void dial(a, b)
    await time.until(() => a.table.alive().length === 1, 100)
    network.unplug(b.address)
    const again = await start(t, '10.0.0.2:5053', { signature, name: 'anew' })
    void dial(again, a)
    await time.until(() => a.table.get(b.id)?.name === 'anew', 5_000)
    t.equal(a.table.get(b.id)?.state, 'alive')
    t.ok(again.store.bootNumber() > 42)
    t.equal(again.own.twinSeenMs(), undefined, 'and does not take itself for another')
    t.equal(a.table.entry(b.id)?.twinSeenMs, undefined)
  },
)

t.test(
  'two nodes with one key find out with nobody else there, and do not wear each other out',
  async t => {
    const { time, start } = world()
    const signature = signatureOf()
    const a = await start(t, '10.0.0.1:5053', { signature, store: memoryMemberStore() })
    const b = await start(t, '10.0.0.2:5053', { signature, store: memoryMemberStore() })
    // A dial to oneself, as over the address of a service, is none to a twin.
    const dials = [a, b].map(node => t.rejects(dial(node, node), { code: 'self' }))
    await time.pass(10_000)
    await Promise.all(dials)
    t.strictSame([a.own.twinSeenMs(), b.own.twinSeenMs()], [undefined, undefined])
    for (let times = 0; times < 3; times += 1) {
      const refused = t.rejects(dial(a, b), { code: 'self' })
      await time.pass(10_000)
      await refused
    }
    for (const node of [a, b]) {
      t.not(node.own.twinSeenMs(), undefined)
      const told = node.log.lines.filter(({ message }) => message.startsWith('another node uses'))
      t.equal(told.length, 1, 'told once')
    }
  },
)

t.test('two nodes with one key find out, both of them, and so does who knows both', async t => {
  const { time, start } = world()
  const signature = signatureOf()
  const copy = { signature, store: memoryMemberStore() }
  const a = await start(t, '10.0.0.1:5053')
  const d = await start(t, '10.0.0.4:5053')
  const b = await start(t, '10.0.0.2:5053', copy)
  const c = await start(t, '10.0.0.3:5053', { signature, store: memoryMemberStore() })
  void dial(a, d)
  void dial(b, a)
  void dial(c, d)
  await time.until(
    () => b.own.twinSeenMs() !== undefined && c.own.twinSeenMs() !== undefined,
    60_000,
  )
  await time.until(() => a.table.entry(signature.self)?.twinSeenMs !== undefined, 120_000)
  t.ok(b.log.lines.some(line => line.message.startsWith('another node uses the key of this one')))
  const before = b.end.sent.messages
  await time.pass(60_000)
  t.ok(b.end.sent.messages - before < 20, 'and they do not shout each other down')
})

t.test('two members with one name are told of', async t => {
  const { time, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053', { name: 'edge' })
  const c = await start(t, '10.0.0.3:5053', { name: 'edge' })
  void dial(a, b)
  void dial(a, c)
  await time.until(() => a.table.alive().length === 2, 1_000)
  t.equal(a.log.lines.filter(line => line.message === 'two members have one name').length, 1)
})

t.test('a node of another protocol is shown, told of, and not counted on', async t => {
  const { time, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053', { protocols: { lowest: 2, highest: 3 } })
  void dial(a, b)
  await time.until(() => a.table.get(b.id)?.state === 'alive', 1_000)
  t.strictSame(a.table.alive(), [])
  t.strictSame(b.table.alive(), [])
  t.equal(a.table.get(b.id)?.protocol, 3)
  t.ok(a.log.lines.some(line => line.message.startsWith('a member speaks no version')))
})

t.test('members are found again after a restart, as those that are gone', async t => {
  const { time, network, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  void dial(a, b)
  await time.until(() => a.table.alive().length === 1, 100)
  await time.pass(3_000)
  t.ok(a.store.members.has(b.id), 'also when it is killed')
  network.unplug(a.address)
  const again = await start(t, '10.0.0.5:5053', { store: a.store })
  t.strictSame(states(again), { [b.address]: 'gone' })
  await time.pass(1_000)
  void dial(again, b)
  await time.until(() => again.table.alive().length === 1, 100)
})

t.test('what was silent for a week of uptime is forgotten, and not before', async t => {
  const { time, network, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  void dial(a, b)
  await time.until(() => a.table.alive().length === 1, 100)
  network.unplug(b.address)
  await time.pass(100_000)
  const day = 86_400_000
  await a.close()
  const kept = a.store.members.get(b.id)
  t.ok(kept)
  if (kept !== undefined) a.store.members.set(b.id, { ...kept, unheardMs: 7 * day - 30_000 })
  const again = await start(t, '10.0.0.6:5053', { store: a.store })
  await time.pass(20_000)
  t.equal(again.table.all().length, 1)
  await time.pass(20_000)
  t.equal(again.table.all().length, 0)
  await again.close()
  t.equal(again.store.members.size, 0)
})

t.test('who was forgotten and comes back before that is written is kept', async t => {
  const { time, network, start } = world()
  const a = await start(t, '10.0.0.1:5053')
  const b = await start(t, '10.0.0.2:5053')
  void dial(a, b)
  await time.until(() => a.table.alive().length === 1, 100)
  await a.close()
  const day = 86_400_000
  const kept = a.store.members.get(b.id)
  if (kept === undefined) throw new Error('not kept')
  a.store.members.set(b.id, { ...kept, unheardMs: 7 * day - 1_000 })
  network.unplug(b.address)
  const again = await start(t, '10.0.0.6:5053', { store: a.store })
  await time.until(() => again.table.all().length === 0, 10_000)
  again.table.admit({ ...kept, ageMs: 0 })
  t.equal(again.table.all().length, 1)
  await time.pass(5_000)
  t.ok(a.store.members.has(b.id))
})
