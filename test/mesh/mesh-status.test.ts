import t from 'tap'
import { BusFailure } from '../../src/ports/bus.ts'
import { addressOf, simulateMesh } from './simulated-node.ts'
import { signatureOf } from './support.ts'

t.test('the status tells of each member what an operator asks', async t => {
  const { time, start } = simulateMesh(t)
  const a = await start({ address: addressOf(1), name: 'a' })
  const b = await start({ address: addressOf(2), name: 'b', seeds: [addressOf(1)] })
  await time.until(() => a.members.alive().length === 1, 10_000)
  await time.pass(3_000)
  const { self, members } = a.status()
  t.match(self, { id: a.id, name: 'a', version: '0.1.0', neighbours: 1, keyId: 'deadbeef' })
  t.equal(members.length, 1)
  t.match(members[0], {
    id: b.id,
    name: 'b',
    state: 'alive',
    isNeighbour: true,
    isCompatible: true,
    protocols: { lowest: 1, highest: 1 },
    clockSkewMs: Number,
    upstreams: ['docker.io'],
    keyId: 'deadbeef',
  })
  t.ok(Math.abs(members[0]?.clockSkewMs ?? 99) <= 2, `${members[0]?.clockSkewMs} ms apart`)
  t.ok((members[0]?.lastSeenAgoMs ?? 1e9) <= 4_000)
  t.doesNotThrow(() => JSON.stringify(a.status()))
  t.equal(JSON.parse(JSON.stringify(members[0])).state, 'alive', 'plain, also as JSON')
})

t.test('alarms name what is wrong, and whom it is about', async t => {
  const { time, start } = simulateMesh(t)
  const codes = () => a.status().alarms.map(({ code }) => code)
  const a = await start({ address: addressOf(1), name: 'a' })
  t.strictSame(codes(), ['clock-unverified'], 'alone nobody confirms the time')
  const seeds = [addressOf(1)]
  const b = await start({ address: addressOf(2), name: 'a', seeds })
  const c = await start({
    address: addressOf(3),
    seeds,
    protocols: { lowest: 2, highest: 2 },
    time: ({ clock }) => ({
      nowMs: () => clock.wallMs() + 400_000,
      source: () => 'registry',
      learnFromPeers: () => {},
    }),
  })
  await time.until(() => codes().length === 4, 10_000)
  const alarms = new Map(
    a.status().alarms.map(({ code, nodes }) => [code, nodes.map(({ id }) => id).sort()]),
  )
  t.strictSame(alarms.get('twin-name'), [a.id, b.id].sort())
  t.strictSame(alarms.get('protocol'), [c.id])
  t.strictSame(alarms.get('clock-apart'), [c.id])
  await b.close()
  t.notOk(codes().includes('twin-name'), 'who is gone is no trouble')
})

t.test('a node that reaches nobody is an alarm that says why, until it reaches one', async t => {
  const { time, start } = simulateMesh(t)
  const unresolved = () => ['node.lan:5053']
  const a = await start({
    address: addressOf(1),
    seeds: [addressOf(1), addressOf(2), addressOf(3)],
    sources: [{ name: 'dns', find: async () => [], unresolved }],
  })
  const cutOff = () => a.status().alarms.find(({ code }) => code === 'cut-off')
  const { dial } = a.end.bus
  let failure: BusFailure['code'] = 'refused'
  Object.assign(a.end.bus, {
    dial: (address: string, signal: AbortSignal) =>
      address === addressOf(3)
        ? Promise.reject(new BusFailure(failure, 'no key'))
        : dial(address, signal),
  })
  await time.pass(8_000)
  t.equal(cutOff(), undefined, 'at the start one is alone for a moment')
  await time.pass(7_000)
  t.match(cutOff()?.nodes, [{ id: a.id }])
  t.match(cutOff()?.detail, `our cluster key deadbeef is refused by ${addressOf(3)}`)
  t.match(cutOff()?.detail, `${addressOf(2)}: cannot be connected`)
  t.match(cutOff()?.detail, 'node.lan:5053: the name does not resolve')
  t.notMatch(cutOff()?.detail, 'banned')
  t.match(
    a.status().dials.map(({ address, isSeed, result }) => [address, isSeed, result]),
    [
      [addressOf(1), true, 'self'],
      [addressOf(2), true, 'unreachable'],
      [addressOf(3), true, 'refused'],
      ['node.lan:5053', true, 'unresolved'],
    ],
  )
  failure = 'closed'
  await time.until(() => /banned.*holdfast bans/.test(cutOff()?.detail ?? ''), 90_000)
  t.notMatch(cutOff()?.detail, 'secret file')
  const b = await start({ address: addressOf(2) })
  await time.until(() => cutOff() === undefined, 90_000)
  t.equal(a.status().dials[1]?.result, 'connected')
  b.kill()
  await time.until(() => cutOff() !== undefined, 120_000)
})

t.test('a node that others do not let in, for it is banned, says so while it is alone', async t => {
  const { time, start } = simulateMesh(t)
  const judges = new Set<string>()
  const a = await start({ address: addressOf(1), bannedBy: () => judges })
  const b = await start({ address: addressOf(2), seeds: [addressOf(1)] })
  const cutOff = () => a.status().alarms.find(({ code }) => code === 'cut-off')
  await time.until(() => a.members.alive().length === 1, 10_000)
  judges.add(b.id)
  t.equal(cutOff(), undefined, 'it has a neighbour')
  b.kill()
  await time.until(() => cutOff() !== undefined, 120_000)
  t.match(cutOff()?.detail, /^this node is banned: .*holdfast bans.*holdfast unban /)
  judges.clear()
  await time.pass(60_000)
  t.notMatch(cutOff()?.detail, 'is banned')
})

t.test(
  'members tell which cluster keys they accept, and who was left behind is told of',
  async t => {
    const { time, start } = simulateMesh(t)
    let accepted = ['deadbeef']
    const a = await start({ address: addressOf(1), acceptedKeyIds: () => accepted })
    const seeds = [addressOf(1)]
    const b = await start({
      address: addressOf(2),
      seeds,
      acceptedKeyIds: () => ['deadbeef', 'ab'],
    })
    await time.until(() => a.members.alive().length === 1, 10_000)
    t.strictSame(a.status().members[0]?.acceptedKeyIds, ['deadbeef', 'ab'])
    accepted = ['ab']
    const leftBehind = () => a.status().alarms.find(({ code }) => code === 'dropped-key')?.nodes
    t.equal(leftBehind(), undefined)
    b.kill()
    await time.until(() => a.status().members[0]?.state === 'gone', 200_000)
    t.match(leftBehind(), [{ id: b.id }], 'it knew none of the keys that are accepted now')
  },
)

t.test('cluster keys that cannot be read are an alarm until they can', async t => {
  const { start } = simulateMesh(t)
  let failure: string | undefined = 'the file is not there'
  const a = await start({ address: addressOf(1), keysFailure: () => failure })
  const told = () => a.status().alarms.filter(({ code }) => code === 'keys-unread')
  t.strictSame(
    told().map(({ detail }) => detail),
    ['the file is not there'],
  )
  failure = undefined
  t.strictSame(told(), [])
})

t.test('a node of which no seed and no member is known is alone in peace', async t => {
  const { time, start } = simulateMesh(t)
  const a = await start({ address: addressOf(1), seeds: [addressOf(1)] })
  await time.pass(120_000)
  t.notOk(a.status().alarms.some(({ code }) => code === 'cut-off'))
})

t.test('two nodes with one key are an alarm at both and at who knows both', async t => {
  const { time, start } = simulateMesh(t)
  const signature = signatureOf()
  const a = await start({ address: addressOf(1) })
  const d = await start({ address: addressOf(4), seeds: [addressOf(1)] })
  await time.until(() => a.members.alive().length === 1, 10_000)
  const b = await start({ address: addressOf(2), signature, seeds: [addressOf(1)], name: 'same' })
  const c = await start({ address: addressOf(3), signature, seeds: [addressOf(4)], name: 'same' })
  const isTold = (node: typeof a) =>
    node
      .status()
      .alarms.some(({ code, nodes }) => code === 'twin-key' && nodes[0]?.id === signature.self)
  await time.until(() => [a, b, c, d].every(isTold), 200_000)
  c.kill()
  await time.pass(1_000_000)
  t.notOk(isTold(a), 'and none any more once one of them is gone')
  t.notOk(isTold(b))
})

t.test(
  'two nodes with one key and nobody else are an alarm at both, for as long as both are',
  async t => {
    const { time, start } = simulateMesh(t)
    const signature = signatureOf()
    const a = await start({ address: addressOf(1), signature, seeds: [addressOf(2)] })
    const b = await start({ address: addressOf(2), signature })
    const isTold = ({ status }: typeof a) => status().alarms.some(({ code }) => code === 'twin-key')
    await time.until(() => isTold(a) && isTold(b), 10_000)
    const told = (node: typeof a) =>
      node.log.lines.filter(({ message }) => message.startsWith('another node uses the key'))
    t.match(told(a), [{ fields: { addresses: [addressOf(2)] } }])
    for (let minute = 0; minute < 60; minute += 1) {
      await time.pass(60_000)
      if (!isTold(a) || !isTold(b)) t.fail(`no alarm in minute ${minute}`)
    }
    t.equal(told(a).length, 1, 'the log is told once')
    b.kill()
    await time.pass(1_000_000)
    t.notOk(isTold(a))
  },
)

t.test('the log tells of a node that was never seen before that it is new', async t => {
  const { time, start } = simulateMesh(t)
  const a = await start({ address: addressOf(1) })
  const b = await start({ address: addressOf(2), seeds: [addressOf(1)] })
  await time.until(() => a.members.alive().length === 1, 10_000)
  b.kill()
  await time.until(() => a.status().members[0]?.state === 'gone', 200_000)
  const told = a.log.lines.filter(({ message }) => message === 'member changed')
  t.match(told[0]?.fields, { id: b.id, from: 'unknown', to: 'alive' })
  t.strictSame(told.filter(({ fields }) => fields['from'] === 'unknown').length, 1)
})
