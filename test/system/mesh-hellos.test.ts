import { connect } from 'node:net'
import t from 'tap'
import { decodeHello, encodeHello } from '../../src/mesh/hello.ts'
import { encodeHellos } from '../../src/mesh/mesh-message.ts'
import { pull } from './support/client.ts'
import { joinFalsely } from './support/false-member.ts'
import { type MeshNode, untilMet } from './support/mesh.ts'
import { at, namesOf, setScene } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

const platforms = ['linux/amd64']

/** What a node tells of another one. */
async function wordOf(node: MeshNode, name: string) {
  const { members } = await node.peers()
  return members.find(member => member.name === name)
}

/** Hellos that a node judged, by what it said of the message. */
async function judged(node: MeshNode, verdict: string): Promise<number> {
  const line = `^holdfast_mesh_messages_total\\{kind="hello",verdict="${verdict}"\\} (\\d+)$`
  return Number(new RegExp(line, 'm').exec(await node.metrics())?.[1] ?? 0)
}

t.test('hellos that are said again by who did not sign them change nothing', async t => {
  const { world, mesh, places, start, startAll } = await setScene(t)
  const [p1, p2] = await places('n1', 'n2')
  if (p1 === undefined || p2 === undefined) throw new Error('no place')
  const nodes = await startAll([p1], [p2])
  const [n1, n2] = [at(nodes, 0), at(nodes, 1)]
  const parrot = await joinFalsely(t, mesh, p1, { name: 'parrot' })
  const heardOf = async (id: string) =>
    until('the parrot heard it', () => {
      const entry = parrot.table.entry(id)
      return entry && { ...entry.signed, ageMs: 0 }
    })
  const id = (await n2.peers()).self?.id ?? ''
  const old = await heardOf(id)
  const before = await wordOf(n1, 'n2')

  // A newer one: it moved to other ports, and says so.
  await n2.stop()
  const [elsewhere] = await places('n2')
  if (elsewhere === undefined) throw new Error('no place')
  const moved = { ...elsewhere, dir: p2.dir }
  const again = await start(moved, { seeds: [p1] })
  await untilMet([n1, again])
  t.notSame(before?.peerAddresses, [moved.peer])
  const after = await until('n1 knows where it is', async () => {
    const told = await wordOf(n1, 'n2')
    return told?.peerAddresses.join() === moved.peer && told
  })
  t.equal(after.id, id, 'it is the same node')

  const ignored = await judged(n1, 'ignore')
  const rejected = await judged(n1, 'reject')
  // As if it had been under way for a while: the very same message is none to the bus.
  t.ok((await parrot.sayHellos([{ ...old, ageMs: 7 }])) > 0)
  await until('the old one was judged', async () => (await judged(n1, 'ignore')) > ignored)
  t.equal(await judged(n1, 'reject'), rejected, 'whoever passes on an old one is no liar')
  t.strictSame((await wordOf(n1, 'n2'))?.peerAddresses, [moved.peer], 'the old one is no news')

  const current = await heardOf(id)
  await parrot.sayHellos([{ ...current, body: later(current.body) }])
  await until('a forged one was rejected', async () => (await judged(n1, 'reject')) > rejected)

  // It is gone for good, and the parrot goes on to say its last hello as if it were said now.
  const last = await heardOf(id)
  await again.stop('SIGKILL')
  await until('its death is noticed', async () => (await wordOf(n1, 'n2'))?.state !== 'alive')
  for (const ageMs of [0, 1, 2]) await parrot.sayHellos([{ ...last, ageMs }])
  const image = await world.push('app', 'latest', { platforms })
  t.equal((await pull(n1.mirror, registryName, 'app', 'latest')).digest, image.digest)
  t.notOk((await namesOf(n1, 'alive')).includes('n2'), 'no word of others makes it alive')
  t.strictSame(
    (await n1.peers()).members.map(({ name }) => name).toSorted(),
    ['n2', 'parrot'],
    'nor anybody new',
  )

  // Somebody without a key says it to both ports, from another address of this machine.
  for (const address of [p1.mesh, p1.peer]) {
    const answer = await sayRaw(address, encodeHellos([last]))
    t.notMatch(answer, /hello|n1|200/, `${address} says nothing to a stranger`)
  }
  t.strictSame((await wordOf(n1, 'n2'))?.peerAddresses, [moved.peer])
})

/** The same hello, said later: what its signature does not cover. */
function later(body: Uint8Array): Uint8Array {
  const hello = decodeHello(body)
  if (hello === undefined) throw new Error('that is no hello')
  return encodeHello({ ...hello, sequence: hello.sequence + 1_000 })
}

/** Writes bytes to a port and tells what came back until it ended, or in a second. */
function sayRaw(address: string, bytes: Uint8Array): Promise<string> {
  const [host = '', port = ''] = address.split(':')
  return new Promise(done => {
    const socket = connect({ host, port: Number(port), localAddress: '127.0.0.2' })
    let heard = ''
    socket.setTimeout(1_000, () => socket.destroy())
    socket.on('connect', () => socket.write(bytes))
    socket.on('data', chunk => {
      heard += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => done(heard))
  })
}
