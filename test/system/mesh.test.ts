import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { pull } from './support/client.ts'
import { makeKey, untilEqual, untilMet } from './support/mesh.ts'
import { askTag, at, setScene, untilAllSay } from './support/mesh-scene.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName } from './support/world.ts'

requireSystem()

// Meshes beside one another: most of it is waiting for what nodes do by the clock.
t.jobs = 2

// The longest comes first.
t.test('a node is killed, another stopped for a while: both come back and are alive', async t => {
  const { world, mesh, start } = await setScene(t)
  const places = await Promise.all(['n1', 'n2', 'n3'].map(name => mesh.place(name)))
  const [p1, p2, p3] = places
  if (p1 === undefined || p2 === undefined || p3 === undefined) throw new Error('no place')
  const n1 = await start(p1)
  const n2 = await start(p2, { seeds: [p1] })
  const n3 = await start(p3, { seeds: [p1] })
  await untilMet([n1, n2, n3])

  await n2.stop('SIGKILL')
  const beganMs = performance.now()
  await until('its death is noticed', async () => {
    const { members } = await n1.peers()
    return members.some(({ name, state }) => name === 'n2' && state !== 'alive')
  })
  t.comment(`noticed after ${Math.round(performance.now() - beganMs)} ms`)
  process.kill(n3.pid, 'SIGSTOP')
  const stoppedMs = performance.now()
  await until(
    'its silence is noticed',
    async () => {
      const { members } = await n1.peers()
      return members.some(({ name, state }) => name === 'n3' && state !== 'alive')
    },
    40_000,
  )
  const image = await world.push('late', 'latest')
  t.equal((await pull(n1.mirror, registryName, 'late', 'latest')).digest, image.digest)
  await until(
    'it stood still for thirty seconds',
    () => performance.now() - stoppedMs > 30_000,
    40_000,
  )
  process.kill(n3.pid, 'SIGCONT')
  const again = await start(p2)
  await untilMet([n1, again, n3], 60_000)
  await untilEqual([n1, again, n3])
  world.uplink.refuse()
  for (const node of [again, n3]) {
    t.equal((await pull(node.mirror, registryName, 'late', 'latest')).digest, image.digest)
  }
})

t.test(
  'a mesh grows from one node to five with no restart, and all know what one learned',
  async t => {
    const { world, mesh, start } = await setScene(t)
    const places = await Promise.all(['n1', 'n2', 'n3', 'n4', 'n5'].map(name => mesh.place(name)))
    const [first] = places
    if (first === undefined) throw new Error('no place')
    const image = await world.push('app', 'latest')
    const nodes = [await start(first)]
    const [one] = nodes
    t.equal((await pull(one?.mirror ?? '', registryName, 'app', 'latest')).digest, image.digest)
    for (const place of places.slice(1)) {
      nodes.push(await start(place, { seeds: [first] }))
      await untilMet(nodes)
    }
    await untilEqual(nodes)

    world.uplink.refuse()
    for (const node of nodes) {
      const pulled = await until(`${node.name} answers`, async () => {
        const one = await pull(node.mirror, registryName, 'app', 'latest')
        return one.status === 200 && one
      })
      t.equal(pulled.digest, image.digest, `${node.name} answers what one of them knows`)
      t.match(pulled.source, /ledger|peer/, pulled.source)
    }
    const last = at(nodes, nodes.length - 1)
    await until('the last one counts the others', async () =>
      /holdfast_mesh_members\{state="alive"\} 4/.test(await last.metrics()),
    )
  },
)

t.test('one uplink serves all: a node without one asks another that has one', async t => {
  const { world, mesh, start } = await setScene(t)
  const [p1, p2] = [await mesh.place('n1'), await mesh.place('n2')]
  const dead = { upstreams: { [registryName]: { url: 'http://127.0.0.1:9' } } }
  const nodes = [await start(p1), await start(p2, { seeds: [p1], config: dead })]
  await untilMet(nodes)
  const [, cut] = nodes
  if (cut === undefined) throw new Error('no node')

  const image = await world.push('app', 'latest')
  const pulled = await until('the other one is asked', async () => {
    const answer = await pull(cut.mirror, registryName, 'app', 'latest')
    return answer.status === 200 && answer
  })
  t.equal(pulled.digest, image.digest)
  t.equal(pulled.source, 'peer')
  const moved = await world.push('app', 'latest', { salt: 'moved' })
  t.equal((await pull(cut.mirror, registryName, 'app', 'latest')).digest, moved.digest, 'fresh')
})

t.test('whoever holds no key, a wrong one, or one that was dropped, is out', async t => {
  const { world, mesh, start } = await setScene(t)
  const [p1, p2] = [await mesh.place('n1'), await mesh.place('n2')]
  await world.push('app', 'latest')
  const one = await start(p1)
  await pull(one.mirror, registryName, 'app', 'latest')

  const wrong = join(mesh.secretFile, '..', 'wrong.secret')
  await writeFile(wrong, `${makeKey(9)}\n`)
  const intruder = await start(p2, { seeds: [p1], mesh: { secretFile: wrong } })
  await until('it was turned away', async () =>
    /holdfast_peer_refused|refused|not let in/.test(intruder.output() + one.output()),
  )
  t.equal((await one.peers()).members.length, 0)
  t.equal((await intruder.peers()).members.length, 0)
  world.uplink.refuse()
  t.equal((await askTag(intruder, 'app')).status, 404, 'it learned nothing')

  const [host = '', port = ''] = p1.peer.split(':')
  const ended = await new Promise<string>(done => {
    const socket = connectTls({ host, port: Number(port), rejectUnauthorized: false }, () => {
      socket.write('GET /peer/1/manifests/x HTTP/1.1\r\nHost: x\r\n\r\n')
    })
    let heard = ''
    socket.on('data', chunk => {
      heard += chunk
    })
    socket.on('error', error => done(`error ${error.message}`))
    socket.on('close', () => done(heard === '' ? 'silence' : heard))
  })
  t.notMatch(ended, /HTTP/, 'the peer port says nothing to a stranger')
})

t.test(
  'a key is changed in three steps without parting the mesh, and then the old one is out',
  async t => {
    const { world, mesh, start } = await setScene(t)
    const [p1, p2] = [await mesh.place('n1'), await mesh.place('n2')]
    const nodes = [await start(p1), await start(p2, { seeds: [p1] })]
    await untilMet(nodes)
    const before = (await nodes[0]?.peers())?.self?.keyId
    let changes = 0
    for (const keys of [[1, 2], [2, 1], [2]]) {
      await writeFile(mesh.secretFile, keys.map(makeKey).join('\n'))
      changes += 1
      await until('the file was read', () =>
        nodes.every(node => node.output().split('cluster keys changed').length > changes),
      )
      await untilMet(nodes)
    }
    await until('all dial with the new key', async () => {
      const told = await Promise.all(nodes.map(node => node.peers()))
      return told.every(
        ({ self, members }) =>
          self?.keyId !== before && members.every(m => m.keyId !== before && m.state === 'alive'),
      )
    })

    // Who still has the dropped one alone is out: nobody takes it for a member, and it hears nothing.
    const old = join(mesh.secretFile, '..', 'old.secret')
    await writeFile(old, `${makeKey(1)}\n`)
    const stale = await start(await mesh.place('n3'), { seeds: [p1], mesh: { secretFile: old } })
    await until('it was turned away', () => /our cluster key is refused/.test(stale.output()))
    await world.push('app', 'latest')
    await pull(nodes[0]?.mirror ?? '', registryName, 'app', 'latest')
    await untilEqual(nodes)
    world.uplink.refuse()
    t.equal((await askTag(stale, 'app')).status, 404, 'it learned nothing')
    t.strictSame((await stale.peers()).members, [])
    for (const node of nodes) {
      t.equal((await node.peers()).members.length, 1, `${node.name} knows the other alone`)
    }
  },
)

t.test('two that dial each other at the same instant are one mesh, every time', async t => {
  const { world, mesh, start } = await setScene(t)
  for (const round of [1, 2, 3]) {
    const [p1, p2] = [await mesh.place(`a${round}`), await mesh.place(`b${round}`)]
    const nodes = await Promise.all([start(p1, { seeds: [p2] }), start(p2, { seeds: [p1] })])
    await untilMet(nodes)
    const { digest } = await world.push(`both${round}`, 'latest')
    await pull(at(nodes, 0).mirror, registryName, `both${round}`, 'latest')
    await untilEqual(nodes)
    world.uplink.refuse()
    await untilAllSay(nodes, `both${round}`, digest)
    t.equal(
      (await pull(at(nodes, 1).mirror, registryName, `both${round}`, 'latest')).digest,
      digest,
    )
    await world.uplink.accept()
    await until('one connection is left', async () => {
      const told = await Promise.all(nodes.map(node => node.peers()))
      return told.every(({ self }) => self?.neighbours === 1)
    })
    await Promise.all(nodes.map(node => node.stop('SIGKILL')))
  }
})

t.test('a copied disk on the same machine: both copies are told, and live on', async t => {
  const { world, mesh, start } = await setScene(t)
  const p1 = await mesh.place('n1')
  const first = await start(p1)
  const image = await world.push('app', 'latest')
  await pull(first.mirror, registryName, 'app', 'latest')
  await first.stop()
  const p2 = { ...(await mesh.place('n1')), dir: `${p1.dir}-copy` }
  await cp(p1.dir, p2.dir, { recursive: true })
  const nodes = [await start(p1), await start(p2, { seeds: [p1] })]
  const ids = await Promise.all(nodes.map(async node => (await node.peers()).self?.id))
  t.equal(ids[0], ids[1], 'they have one key')
  for (const node of nodes) {
    await until('it is told', async () => {
      const { alarms } = await node.peers()
      return alarms.some(({ code }) => code === 'twin-key')
    })
    const line = /another node uses the key of this one: remove node\.key/
    await until('so says the log', () => line.test(node.output()))
  }
  world.uplink.refuse()
  for (const node of nodes) {
    t.equal((await pull(node.mirror, registryName, 'app', 'latest')).digest, image.digest)
    t.equal(node.output().split('another node uses the key').length, 2, 'told once')
  }

  // As it is told: the copy gets a key of its own, and they are two.
  const [one, copy] = [at(nodes, 0), at(nodes, 1)]
  await copy.stop()
  await rm(join(p2.dir, 'data', 'node.key'))
  const other = await start(p2, { seeds: [p1], config: { node: { name: 'n2' } } })
  await until('they met', async () => (await one.peers()).members.some(m => m.state === 'alive'))
  await untilEqual([one, other])
})
