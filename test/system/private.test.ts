import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startRegistry } from '../support/registry.ts'
import { ask, pull } from './support/client.ts'
import { until } from './support/process.ts'
import { requireSystem } from './support/requirements.ts'
import { registryName, startWorld } from './support/world.ts'

requireSystem()

const canary = 'canary-5f1c'

/** How long a client waits for the registry, and for an answer: the token dance of a busy machine, and a moment more. */
const [timeoutMs, boundMs] = [3_000, 8_000]

t.test(
  'an image that needs a password is pulled with the node’s, remembered, and the password told to nobody',
  async t => {
    const world = await startWorld()
    const auth = { kind: 'bearer', username: 'ship', password: canary } as const
    const door = await startRegistry({ origin: world.origin.url, auth })
    t.teardown(async () => {
      await door.close()
      await world.close()
    })
    const image = await world.push('secret/app', 'latest', { layers: [80_000], salt: 'private' })
    const passwordFile = join(world.dir, 'password')
    await writeFile(passwordFile, `${canary}\n`)
    const rules = [{ match: `${registryName}/secret/**`, private: 'deny' }]
    const upstreams = {
      [registryName]: { url: door.url, auth: { username: 'ship', passwordFile } },
      'other.lab': { url: world.uplink.url },
    }
    const node = await world.node({ config: { upstreams, resolve: { timeoutMs, rules } } })
    const online = await pull(node.mirror, registryName, 'secret/app', 'latest')
    t.equal(online.digest, image.digest)
    t.ok(door.count('token') > 0, 'the token dance was danced')

    door.freeze()
    const offline = await pull(node.mirror, registryName, 'secret/app', 'latest')
    t.equal(offline.digest, image.digest)
    t.equal(offline.source, 'ledger')

    world.uplink.freeze()
    const layer = image.for('linux/amd64').layers[0]?.digest ?? ''
    for (const item of [`manifests/${image.digest}`, `blobs/${layer}`]) {
      const elsewhere = await ask(`${node.mirror}/v2/public/app/${item}?ns=other.lab`)
      t.equal(elsewhere.status, 404, `${item} was seen in a private repository only`)
    }

    const told = [
      node.output(),
      await node.metrics(),
      JSON.stringify(await node.ask('/api/v1/status')),
      JSON.stringify(await node.ask(`/api/v1/resolve?ref=${registryName}/secret/app&explain=true`)),
    ]
    for (const text of told) t.notMatch(text, canary)
  },
)

t.test('a wrong password is a denial: containerd is sent to ask with the pod’s own', async t => {
  const world = await startWorld()
  const auth = { kind: 'bearer', username: 'ship', password: 'right' } as const
  const door = await startRegistry({ origin: world.origin.url, auth })
  t.teardown(async () => {
    await door.close()
    await world.close()
  })
  await world.push('app', 'latest', { salt: 'wrong password' })
  const upstreams = {
    [registryName]: { url: door.url, auth: { username: 'ship', password: canary } },
  }
  const node = await world.node({ config: { upstreams, resolve: { timeoutMs } } })
  const denied = await pull(node.mirror, registryName, 'app', 'latest')
  t.equal(denied.status, 404)
  t.equal(denied.headers['www-authenticate'], undefined, 'containerd is never challenged')
  t.notMatch(node.output(), canary)
})

t.test('the token host is frozen: the last known image is served within the deadline', async t => {
  const world = await startWorld()
  const auth = { kind: 'bearer', username: 'ship', password: canary } as const
  const door = await startRegistry({ origin: world.origin.url, auth })
  t.teardown(async () => {
    await door.close()
    await world.close()
  })
  const image = await world.push('app', 'latest', { layers: [80_000], salt: 'token host' })
  const upstreams = {
    [registryName]: { url: door.url, auth: { username: 'ship', password: canary } },
  }
  const node = await world.node({ config: { upstreams, resolve: { timeoutMs } } })
  await pull(node.mirror, registryName, 'app', 'latest')
  door.revokeTokens()
  const fault = door.fault({ do: 'freeze' }, { kind: 'token' })
  const first = await pull(node.mirror, registryName, 'app', 'latest')
  t.equal(first.digest, image.digest)
  t.equal(first.source, 'ledger')
  t.ok(first.headMs < boundMs, `${first.headMs} ms`)
  t.ok(fault.hits > 0)
  fault.heal()
  await until('fresh again', async () => {
    const { source } = await pull(node.mirror, registryName, 'app', 'latest')
    return source === 'upstream'
  })
})
