import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startDaemon } from '../../src/daemon.ts'
import { silentLog } from '../../src/ports/log.ts'
import { cli } from '../cli/support.ts'
import { makeImage } from '../support/image.ts'
import { type ScriptedRegistry, startRegistry } from '../support/registry.ts'
import { configIn, runningLog } from '../support/start-node.ts'
import { freePorts } from '../system/support/process.ts'

interface Place {
  readonly name: string
  readonly dir: string
  readonly port: number
}

/** Two places for nodes of one mesh. */
async function places(t: Test): Promise<readonly [Place, Place]> {
  const dir = t.testdir({ bridge: {}, galley: {} })
  const [one = 0, other = 0] = await freePorts(2)
  return [
    { name: 'bridge', dir: join(dir, 'bridge'), port: one },
    { name: 'galley', dir: join(dir, 'galley'), port: other },
  ]
}

/** A node in its place, which looks for the other one; closed with the test, or before. */
async function start(
  t: Test,
  { name, dir, port }: Place,
  more: {
    readonly seed: Place
    readonly registry?: ScriptedRegistry
    readonly operators?: readonly string[]
  },
) {
  const { registry, seed, operators = [] } = more
  const config = await configIn(dir, {
    node: { name },
    upstreams: registry === undefined ? {} : { [registry.host]: { url: registry.url } },
    peer: { listen: '127.0.0.1:0' },
    mesh: {
      enabled: true,
      listen: `127.0.0.1:${port}`,
      seeds: [`127.0.0.1:${seed.port}`],
      operators,
    },
  })
  const daemon = await startDaemon(config, { version: '0.0.0-test', log: runningLog(silentLog) })
  t.teardown(() => daemon.close())
  const env = {
    HOLDFAST_ADDRESS: daemon.addresses.admin,
    HOLDFAST_ADMIN_TOKEN: (await readFile(config.admin.tokenFile, 'utf8')).trim(),
  }
  return {
    ...daemon,
    config,
    /** Runs a command against this node. */
    run: (...words: string[]) => cli(words, { env }),
    /** The same, and reads its JSON. */
    async tell(...words: string[]): Promise<Record<string, unknown>> {
      const { out, err } = await cli([...words, '-o', 'json'], { env })
      if (out === '') throw new Error(err)
      return JSON.parse(out)
    },
  }
}

/** Waits until it is true: what is waited for comes over the network. */
async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 20_000
  while (!(await isTrue())) {
    if (performance.now() > endMs) throw new Error(`not within 20 s: ${what}`)
    await delay(50)
  }
}

const meets = async (node: Awaited<ReturnType<typeof start>>, other: string) =>
  until(`${other} is met`, async () => (await node.run('store', '--node', other)).code === 0)

t.test('a node is looked at and changed on another one, and knows who did it', async t => {
  const [atBridge, atGalley] = await places(t)
  const bridge = await start(t, atBridge, { seed: atGalley })
  const galley = await start(t, atGalley, { seed: atBridge })
  await meets(bridge, 'galley')

  t.match(await bridge.tell('store', '--node', 'galley'), {
    node: 'galley',
    dir: join(atGalley.dir, 'data/blobs'),
  })
  t.match(await bridge.tell('store'), { node: 'bridge', dir: join(atBridge.dir, 'data/blobs') })
  t.match(await bridge.tell('gc', '--dry-run', '--node', 'galley'), {
    node: 'galley',
    dryRun: true,
  })
  t.match(await bridge.tell('gc', '--node', 'galley'), { node: 'galley', dropped: 0 })
  t.match(await bridge.tell('log-level', 'debug', '--node', 'galley'), { level: 'debug' })

  await bridge.run('mode', 'offline', '--for', '1h', '--node', 'galley')
  t.match(await galley.tell('status'), { mode: 'offline', degraded: [{ reason: 'offline' }, {}] })
  t.match(await bridge.tell('status'), { mode: 'auto' })
  t.match(await bridge.tell('config', '--node', 'galley'), {
    config: { mode: 'offline', node: { name: 'galley' }, log: { level: 'debug' } },
    changed: [{ key: 'mode', by: /^token 1 on bridge \([0-9a-f]{12}\)$/ }, { key: 'log.level' }],
  })
  const { items } = (await galley.tell('audit')) as { items: { caller: string }[] }
  t.match(items, [
    { operation: 'putNodeMode', status: 200, before: { mode: 'auto' }, after: { mode: 'offline' } },
    { operation: 'putNodeLogLevel', before: 'info', after: 'debug' },
    { operation: 'collectNodeStore' },
  ])
  for (const { caller } of items) t.match(caller, /^token 1 on bridge \([0-9a-f]{12}\)$/)
  t.match(await bridge.tell('audit'), { items: [{ subject: 'galley', caller: 'token 1' }, {}, {}] })

  t.match(await bridge.tell('status', '--node', 'galley'), { node: 'galley', mode: 'offline' })
  t.match(await bridge.tell('peers', '--node', 'galley'), { members: [{ name: 'bridge' }] })
  const byBridge = ['audit', '--node', 'galley', '--by', 'token 1']
  t.match(await bridge.tell(...byBridge), { node: 'galley', items: [{}, {}, {}] })
  const both = await bridge.run('mode', '--node', 'all')
  t.equal(both.code, 0)
  t.match(
    both.out,
    /\nbridge +auto +configuration +auto *\ngalley +offline +node +auto +token 1 on bridge/,
  )

  const unknown = await bridge.run('store', '--node', 'hold')
  t.equal(unknown.code, 1)
  t.match(unknown.err, 'no node is called "hold"; known are bridge, galley')

  await galley.close()
  const away = await bridge.run('store', '--node', 'galley')
  t.equal(away.code, 4)
  t.match(away.err, /^holdfast: galley (is gone|cannot be reached)/)
  const one = await bridge.run('status', '--node', 'all')
  t.equal(one.code, 4)
  t.match(one.out, /\nbridge +auto .*\ngalley +no answer: galley (is gone|cannot be reached)/)

  const again = await start(t, atGalley, { seed: atBridge })
  t.match(await again.tell('mode'), { mode: 'offline', set: { by: /^token 1 on bridge/ } })
  t.match(await again.tell('log-level'), { level: 'info' })
  t.match(await again.tell('mode', 'configured'), { mode: 'auto' })
})

t.test('a node whose operators are others lets itself be looked at and not changed', async t => {
  const [atBridge, atGalley] = await places(t)
  const bridge = await start(t, atBridge, { seed: atGalley })
  const galley = await start(t, atGalley, { seed: atBridge, operators: ['galley'] })
  await meets(bridge, 'galley')
  for (const words of [['gc'], ['scrub'], ['mode', 'offline'], ['log-level', 'debug']]) {
    const ran = await bridge.run(...words, '--node', 'galley')
    t.equal(ran.code, 8, words.join(' '))
    t.match(ran.err, /galley: mesh\.operators does not name bridge here/)
  }
  t.equal((await bridge.run('gc', '--dry-run', '--node', 'galley')).code, 0)
  t.match(await galley.tell('status'), { mode: 'auto' })
  t.match(await galley.tell('scrub', '--status'), { pass: undefined })
  t.match(await galley.tell('audit'), { items: [] })
  t.equal((await galley.run('mode', 'offline')).code, 0, 'who has its own token may')
})

t.test('damage on one node is found from another', async t => {
  const registry = await startRegistry()
  t.teardown(() => registry.close())
  const image = makeImage({ platforms: ['linux/amd64'], salt: 'scrub' })
  registry.addImage('lab/app', { blobs: image.blobs, tags: new Map([['v1', image]]) })
  const [atBridge, atGalley] = await places(t)
  const bridge = await start(t, atBridge, { seed: atGalley })
  const galley = await start(t, atGalley, { seed: atBridge, registry })
  await meets(bridge, 'galley')
  const head = `http://${galley.addresses.mirror}/v2/lab/app`
  const ours = image.for('linux/amd64')
  const [layer] = ours.layers
  if (layer === undefined) throw new Error('no layer')
  for (const what of ['manifests/v1', `blobs/${layer.digest}`]) {
    await (await fetch(`${head}/${what}?ns=${registry.host}`)).arrayBuffer()
  }
  // What is still being taken in would be found damaged by whoever takes it in.
  await until('all of the image is held', async () => {
    const { blobs } = await galley.tell('store')
    return blobs === 1 + ours.blobs.size
  })
  const path = join(atGalley.dir, 'data/blobs/sha256', layer.digest.slice('sha256:'.length))
  await writeFile(path, Buffer.alloc(layer.bytes.length, 1))
  t.equal((await bridge.tell('scrub', '--node', 'galley'))['node'], 'galley')
  await until('the scrub has ended', async () => {
    const { running } = await bridge.tell('scrub', '--status', '--node', 'galley')
    return running === false
  })
  const { code, out } = await bridge.run('scrub', '--status', '--node', 'galley')
  t.equal(code, 7)
  t.match(out, new RegExp(`damaged .*${layer.digest}`))
  t.match(out, /in quarantine/)
  t.match(await bridge.tell('store', '--node', 'galley'), { quarantine: { blobs: 1 } })
  const told = await bridge.run('status', '--node', 'galley')
  t.match(told.out, /store_damaged: .* one blob did not hash .*`holdfast scrub --status` tells/)
  const all = await bridge.run('status', '--node', 'all')
  t.match(all.out, /\ngalley .*store_damaged/)
  t.notMatch(all.out, /\nbridge .*store_damaged/)
})

t.test('a mode for all nodes reaches those that join, and outlives a lost database', async t => {
  const [atBridge, atGalley] = await places(t)
  const bridge = await start(t, atBridge, { seed: atGalley })
  const set = await bridge.run('mode', 'offline', '--cluster', '--for', '1h')
  t.equal(set.code, 0, set.err)
  t.match(await bridge.tell('mode'), { mode: 'offline', decidedBy: 'cluster' })
  const galley = await start(t, atGalley, { seed: atBridge })
  await until('galley has it', async () => (await galley.tell('mode'))['decidedBy'] === 'cluster')
  t.match(await galley.tell('status'), { mode: 'offline', modeDecidedBy: 'cluster' })
  await galley.run('mode', 'online')
  t.match(await galley.tell('mode'), {
    mode: 'online',
    decidedBy: 'node',
    cluster: { mode: 'offline', by: 'token 1' },
  })

  await Promise.all([bridge.close(), galley.close()])
  for (const { dir } of [atBridge, atGalley]) await writeFile(join(dir, 'data/ledger.db'), 'lost')
  const again = await start(t, atGalley, { seed: atBridge })
  t.match(await again.tell('mode'), {
    mode: 'online',
    decidedBy: 'node',
    cluster: { mode: 'offline' },
  })
  t.match(await again.tell('mode', 'configured'), { mode: 'offline', decidedBy: 'cluster' })
  await again.run('mode', 'configured', '--cluster')
  t.match(await again.tell('mode'), { mode: 'auto', decidedBy: 'configuration' })
})
