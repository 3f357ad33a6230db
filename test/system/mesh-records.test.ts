import t, { type Test } from 'tap'
import type { LedgerRecord } from '../../src/ledger/record.ts'
import { pull } from './support/client.ts'
import { type FalseMember, joinFalsely, targetOf } from './support/false-member.ts'
import { type MeshNode, untilEqual } from './support/mesh.ts'
import { askTag, at, namesOf, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']
const keyOf = (repository: string) => `${registryName}/${repository}:latest`
const pullFrom = (node: MeshNode, repository: string) =>
  pull(node.mirror, registryName, repository, 'latest')

/** Two nodes that know one operator by name, who is there with a sailor; and two images, of which `app` points to the first. */
async function setShip(t: Test) {
  const { world, mesh, places, startAll } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const operators = { mesh: { operators: ['captain'] } }
  const nodes = await startAll([p1, operators], [p2, operators])
  const [n1] = [at(nodes, 0)]
  const good = await world.push('app', 'latest', { platforms, salt: 'good' })
  const other = await world.push('other', 'latest', { platforms, salt: 'other' })
  for (const repository of ['app', 'other']) await pullFrom(n1, repository)
  world.uplink.refuse()
  const captain = await joinFalsely(t, mesh, p1, { name: 'captain' })
  const sailor = await joinFalsely(t, mesh, p1, { name: 'sailor' })
  for (const node of nodes) {
    await until(`${node.name} knows both`, async () => {
      const names = await namesOf(node, 'alive')
      return names.includes('captain') && names.includes('sailor')
    })
  }
  await untilSaid(nodes, 'app', good.digest)
  return { nodes, captain, sailor, good, other }
}

/** Waits until all of the nodes answer a tag with this digest. */
async function untilSaid(nodes: readonly MeshNode[], repository: string, digest: string) {
  for (const node of nodes) {
    await until(`${node.name} says ${digest} of ${repository}`, async () => {
      const told = await askTag(node, repository)
      return told.digest === digest
    })
  }
}

/** Says it once there is somebody to say it to. */
async function say(member: FalseMember, words: readonly LedgerRecord[]): Promise<void> {
  await until('somebody hears it', () => member.bus.neighbours().length > 0)
  await until(
    'it is said',
    async () => (await member.say(words.map(word => member.sign(word)))) > 0,
  )
}

/** How many records of others came to this. */
async function countOf(node: MeshNode, outcome: string): Promise<number> {
  const line = new RegExp(`^holdfast_sync_records_total\\{outcome="${outcome}"\\} (\\d+)$`, 'm')
  return Number(line.exec(await node.metrics())?.[1] ?? 0)
}

t.test('the word of an operator by a member that is none counts for nothing', async t => {
  const { nodes, sailor, good, other } = await setShip(t)
  const n1 = at(nodes, 0)
  const { self } = await n1.peers()
  const before = (await n1.peers()).sync?.records
  const words = [
    sailor.word('pin', keyOf('app'), { target: targetOf(other) }),
    sailor.word('block', good.digest),
    sailor.word('ban', self?.id ?? ''),
    sailor.word('keep', keyOf('app')),
  ]
  await say(sailor, words)
  await until('it was refused', async () => (await countOf(n1, 'no-operator')) >= words.length)
  const line = new RegExp(`"origin":"${sailor.id}".*"a node that is no operator spoke as one`)
  await until('it is told who it was', () => line.test(n1.output()))
  for (const node of nodes) {
    const told = await pullFrom(node, 'app')
    t.equal(told.digest, good.digest)
    t.not(told.source, 'pin')
    t.equal((await node.peers()).sync?.records, before, 'nothing was kept')
    t.equal(await countOf(node, 'signature'), 0)
  }
  await until('all are members still', async () => {
    const names = await namesOf(n1, 'alive')
    return names.toSorted().join() === 'captain,n2,sailor'
  })
})

t.test('a record that is not signed by who it names is held against who sent it', async t => {
  const { nodes, sailor, captain, good, other } = await setShip(t)
  const [n1, n2] = [at(nodes, 0), at(nodes, 1)]
  const before = (await n1.peers()).sync?.records
  const origin = (await n2.peers()).self?.id ?? ''
  const forged = () => [
    sailor.sign(
      sailor.word('observation', keyOf('app'), { source: 'upstream', target: targetOf(other) }),
      origin,
    ),
    sailor.sign(sailor.word('pin', keyOf('app'), { target: targetOf(other) }), captain.id),
  ]
  await until('it is kept out', async () => {
    if (sailor.bus.neighbours().length > 0) await sailor.say(forged())
    return / kept out"/.test(n1.output())
  })
  t.ok((await countOf(n1, 'signature')) >= 2)
  for (const node of nodes) {
    const told = await pullFrom(node, 'app')
    t.equal(told.digest, good.digest)
    t.not(told.source, 'pin')
    t.equal((await node.peers()).sync?.records, before, 'nothing was kept')
  }
  const n1Id = (await n1.peers()).self?.id ?? ''
  await until('it is hung up on', () => sailor.bus.neighbours().every(({ id }) => id !== n1Id))
  const call = sailor.client.call(n1Id, 'mesh/ping', new Uint8Array(), {
    signal: AbortSignal.timeout(5_000),
    timeoutMs: 5_000,
  })
  await t.rejects(call, { code: 'refused' }, 'and its questions are not answered')
})

t.test('a block and a ban take away what they name, and lifted they lost nothing', async t => {
  const { nodes, captain, sailor, good, other } = await setShip(t)
  const lie = sailor.word('observation', keyOf('app'), {
    source: 'upstream',
    target: targetOf(other),
  })
  await say(sailor, [lie])
  await untilSaid(nodes, 'app', other.digest)

  const decree = async (kind: 'block' | 'ban', key: string, removed: boolean) =>
    say(captain, [captain.word(kind, key, { removed })])
  await decree('block', other.digest, false)
  await untilSaid(nodes, 'app', good.digest)
  for (const node of nodes) t.equal((await pullFrom(node, 'app')).digest, good.digest, node.name)
  await decree('block', other.digest, true)
  await untilSaid(nodes, 'app', other.digest)
  for (const node of nodes) t.equal((await pullFrom(node, 'app')).digest, other.digest, node.name)

  await decree('ban', sailor.id, false)
  await untilSaid(nodes, 'app', good.digest)
  await until('it is hung up on', () => sailor.bus.neighbours().length === 0)
  for (const node of nodes) {
    await until(`${node.name} parted with it`, async () =>
      (await namesOf(node, 'alive')).every(name => name !== 'sailor'),
    )
  }
  await decree('ban', sailor.id, true)
  await untilSaid(nodes, 'app', other.digest)
  await untilEqual(nodes)
})
