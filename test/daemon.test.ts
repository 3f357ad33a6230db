import { createHook } from 'node:async_hooks'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import type { Config } from '../src/config/config.ts'
import { startDaemon } from '../src/daemon.ts'
import { silentLog } from '../src/ports/log.ts'
import { makeImage } from './support/image.ts'
import { startRegistry } from './support/registry.ts'
import { configIn, runningLog, startNode } from './support/start-node.ts'
import { watchWaiting } from './support/waited.ts'

const options = { version: '0.0.0-test', log: runningLog(silentLog) }
const image = makeImage({ platforms: ['linux/amd64'], salt: 'daemon' })
const [amd64] = image.manifests

/** A port of loopback on which somebody else listens until the test ends. */
async function takePort(t: Test): Promise<string> {
  const server: Server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => new Promise(resolve => server.close(resolve)))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** A path that is short enough for a socket. */
async function socketPath(t: Test): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return join(dir, 'admin.sock')
}

/** Where the descriptors of this process lead, the ones that come and go with the event loop left out. */
function openFiles(): string[] {
  const targets = readdirSync('/proc/self/fd').map(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return '' // the one that listed the others
    }
  })
  return targets.filter(target => target !== '' && !target.startsWith('/proc/')).sort()
}

/** Threads of this process. */
const threads = (): number => readdirSync('/proc/self/task').length

/** Follows timers, also those that hold no process, and listeners, until they are asked for: those that were not ended, by their maker. */
function watchHandles() {
  const open = new Map<number, string>()
  const hook = createHook({
    init(id, type) {
      if (!/^(?:Timeout|TCPSERVERWRAP|PIPESERVERWRAP)$/.test(type)) return
      open.set(id, `${type} ${new Error().stack?.split('\n').slice(4, 12).join('\n')}`)
    },
    destroy: id => void open.delete(id),
  })
  hook.enable()
  return async (): Promise<string[]> => {
    await new Promise(resolve => setImmediate(resolve)) // that is when the ends are told
    await new Promise(resolve => setImmediate(resolve))
    hook.disable()
    return [...open.values()]
  }
}

interface FailingStep {
  readonly step: string
  /** Lays the trap and gives the configuration that runs into it. */
  prepare(t: Test, dir: string): Promise<Config>
  readonly fails: { readonly code: string } | { readonly message: RegExp }
}

/** Every step of the start, in its order, with a fault that it meets in the field. */
const steps: readonly FailingStep[] = [
  {
    step: 'the ledger',
    async prepare(_, dir) {
      await mkdir(join(dir, 'data'))
      const db = new Database(join(dir, 'data', 'ledger.db'))
      db.exec(
        "CREATE TABLE meta (name TEXT, value TEXT); INSERT INTO meta VALUES ('min_reader', '999')",
      )
      db.pragma('user_version = 999')
      db.close()
      return configIn(dir)
    },
    fails: { code: 'ledger-newer' },
  },
  {
    step: 'the store, whose directory is a file,',
    async prepare(_, dir) {
      await writeFile(join(dir, 'blobs'), '')
      return configIn(dir, { store: { dir: join(dir, 'blobs'), minFreeBytes: '1MiB' } })
    },
    fails: { code: 'store-unusable' },
  },
  {
    step: 'the share of the disk that stays free',
    async prepare(_, dir) {
      await writeFile(join(dir, 'blobs'), '')
      return configIn(dir, { store: { dir: join(dir, 'blobs'), minFreeBytes: '1%' } })
    },
    fails: { code: 'store-unusable' },
  },
  {
    step: 'the upstreams',
    async prepare(_, dir) {
      const config = await configIn(dir, { upstreams: { 'registry.example': {} } })
      const broken = { ...config.upstreams['registry.example'], url: 'https://[broken' }
      return { ...config, upstreams: { 'registry.example': broken } } as Config
    },
    fails: { code: 'config-invalid' },
  },
  {
    step: 'the wiring of pulls',
    async prepare(_, dir) {
      const config = await configIn(dir)
      const rules = [{ match: '[', freshForMs: 1 }]
      return { ...config, resolve: { ...config.resolve, rules } } as unknown as Config
    },
    fails: { message: /\[/ },
  },
  {
    step: 'the admin token',
    async prepare(_, dir) {
      await mkdir(join(dir, 'data'))
      await writeFile(join(dir, 'data', 'admin.token'), '\n')
      return configIn(dir)
    },
    fails: { code: 'config-invalid' },
  },
  {
    step: 'the admin certificate',
    async prepare(_, dir) {
      const config = await configIn(dir)
      const tls = { certFile: join(dir, 'none.crt'), keyFile: join(dir, 'none.key') }
      return { ...config, admin: { ...config.admin, tls } }
    },
    fails: { code: 'ENOENT' },
  },
  {
    step: 'the admission to the mirror',
    async prepare(_, dir) {
      const config = await configIn(dir)
      return { ...config, mirror: { ...config.mirror, allow: ['10.0.0.0/x'] } }
    },
    fails: { message: /mirror\.allow/ },
  },
  {
    step: 'the health listener',
    prepare: async (t, dir) => configIn(dir, { health: { listen: await takePort(t) } }),
    fails: { code: 'EADDRINUSE' },
  },
  {
    step: 'the admin socket',
    async prepare(t, dir) {
      const socket = await socketPath(t)
      const other = createServer().listen(socket)
      await once(other, 'listening')
      t.teardown(() => new Promise(resolve => other.close(resolve)))
      return configIn(dir, { admin: { listen: '127.0.0.1:0', socket } })
    },
    fails: { code: 'config-invalid' },
  },
  {
    step: 'the admin listener, with a socket open already,',
    prepare: async (t, dir) =>
      configIn(dir, { admin: { listen: await takePort(t), socket: await socketPath(t) } }),
    fails: { code: 'EADDRINUSE' },
  },
  {
    step: 'the mirror, the last of all,',
    prepare: async (t, dir) => configIn(dir, { mirror: { listen: await takePort(t) } }),
    fails: { code: 'EADDRINUSE' },
  },
]

/** What a process opens once and keeps: modules, and what they hold for all nodes. */
async function warmUp(t: Test): Promise<void> {
  const daemon = await startDaemon(await configIn(t.testdir()), options)
  await daemon.close()
}

t.test('a start that fails leaves nothing open', async t => {
  await warmUp(t)
  for (const { step, prepare, fails } of steps) {
    await t.test(`${step} fails`, async t => {
      const config = await prepare(t, t.testdir())
      const files = openFiles()
      const running = threads()
      const handlesLeft = watchHandles()
      await t.rejects(startDaemon(config, options), fails)
      t.strictSame(await handlesLeft(), [], 'no timer and no listener')
      t.strictSame(openFiles(), files, 'no file, socket or database')
      t.equal(threads(), running, 'no thread')
    })
  }
})

async function pull(t: Test, ask: (path: string) => Promise<Response>): Promise<void> {
  const manifest = await ask('app/manifests/latest')
  t.equal(manifest.headers.get('docker-content-digest'), image.digest)
  t.equal((await ask(`app/manifests/${amd64?.digest}`)).status, 200)
  for (const blob of [amd64?.config, ...(amd64?.layers ?? [])]) {
    const answer = await ask(`app/blobs/${blob?.digest}`)
    t.ok(blob?.bytes.equals(Buffer.from(await answer.arrayBuffer())), 'every byte')
  }
}

t.test('two nodes do not share a directory', async t => {
  const dir = t.testdir()
  const first = await startDaemon(await configIn(dir), options)
  await t.rejects(startDaemon(await configIn(dir), options), { code: 'directory-in-use' })
  t.equal((await fetch(`http://${first.addresses.health}/readyz`)).status, 200, 'the first runs on')
  await first.close()
  const next = await startDaemon(await configIn(dir), options)
  await next.close()
})

t.test('two nodes do not share their blobs alone either', async t => {
  const dir = t.testdir({ one: {}, other: {} })
  const config = await configIn(`${dir}/one`)
  const other = await configIn(`${dir}/other`)
  const first = await startDaemon(config, options)
  const sharing = { ...other, store: { ...other.store, dir: config.store.dir } }
  await t.rejects(startDaemon(sharing, options), {
    code: 'directory-in-use',
    message: /^store.dir: another holdfast is running in .*--store.dir/,
  })
  await first.close()
})

t.test('a node serves, stops, and starts again with what it had', async t => {
  await warmUp(t)
  const tags = new Map([['latest', image]])
  const registry = await startRegistry({ images: { app: { blobs: image.blobs, tags } } })
  t.teardown(() => registry.close())
  const dir = t.testdir()

  const first = await startNode(registry, dir)
  const ready = await fetch(`http://${first.addresses.health}/readyz`)
  t.equal(ready.status, 200)
  await pull(t, first.ask)
  await first.close()
  await t.rejects(first.ask('app/manifests/latest'), 'nobody listens any more')

  await registry.refuse()
  const second = await startNode(registry, dir)
  t.teardown(() => second.close())
  await pull(t, second.ask)
  t.equal((await second.ask('app/manifests/latest')).headers.get('holdfast-source'), 'ledger')
})

t.test(
  'a stopped node leaves nothing open, also when it stops in the middle of everything',
  async t => {
    await warmUp(t)
    const tags = new Map([['latest', image]])
    const registry = await startRegistry({ images: { app: { blobs: image.blobs, tags } } })
    t.teardown(() => registry.close())
    const held = registry.fault({ do: 'freeze', at: 'body', afterBytes: 100 }, { kind: 'blob' })
    const ownFiles = () => openFiles().filter(target => !target.startsWith('socket:'))
    const files = ownFiles()
    const running = threads()
    const handlesLeft = watchHandles()

    const node = await startNode(registry, t.testdir())
    await (await node.ask('app/manifests/latest')).arrayBuffer()
    const asking = node.ask(`app/blobs/${amd64?.layers[0]?.digest}`).catch(() => undefined)
    await registry.waitFor(log => log.some(({ kind, bytes }) => kind === 'blob' && bytes >= 100))
    await node.close()
    await asking

    t.ok(held.hits > 0, 'a download was under way')
    const left = (await handlesLeft()).filter(handle => !/undici|AbortSignal/.test(handle))
    t.strictSame(left, [], 'no timer and no listener')
    t.strictSame(ownFiles(), files, 'no file or database')
    t.equal(threads(), running, 'no thread')
  },
)

t.test(
  'what a tag of another repository names as well is no secret of the private one',
  async t => {
    const { blobs, digest, mediaType } = image
    const contents = { blobs, tags: new Map([['latest', { digest, mediaType }]]) }
    const registry = await startRegistry({
      images: { 'secret/app': contents, 'open/app': contents },
    })
    t.teardown(() => registry.close())
    const rules = [{ match: `${registry.host}/secret/**`, private: 'deny' }]
    const store = { minFreeBytes: '1MiB', completeTags: false }
    const node = await startNode(registry, t.testdir(), { resolve: { rules }, store })
    t.teardown(() => node.close())
    t.equal((await node.ask('secret/app/manifests/latest')).status, 200)
    const fault = registry.fault({ do: 'reset' })
    t.equal((await node.ask(`open/app/manifests/${digest}`)).status, 404)
    t.ok(fault.hits > 0)
    fault.heal()
    t.equal((await node.ask('open/app/manifests/latest', { method: 'HEAD' })).status, 200)
    registry.freeze()
    t.equal((await node.ask(`open/app/manifests/${digest}`)).status, 200)
  },
)

t.test('a node that is its own upstream answers at once, after one question', async t => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  await new Promise(resolve => taken.close(resolve))
  const listen = `127.0.0.1:${port}`
  const upstreams = { 'reg.lab': { url: `http://localhost:${port}` } }
  const config = await configIn(t.testdir({}), { mirror: { listen }, upstreams })
  const daemon = await startDaemon(config, options)
  t.teardown(() => daemon.close())
  const waitedMs = watchWaiting()
  const answer = await fetch(`http://${listen}/v2/app/manifests/latest?ns=reg.lab`)
  t.equal(answer.status, 404)
  t.match(await answer.text(), /508/, 'it says what came back')
  t.ok(waitedMs() < 5_000, 'long before the deadline')
  const metrics = await (await fetch(`http://${daemon.addresses.health}/metrics`)).text()
  const looped = /holdfast_mirror_requests_total\{kind="other",status="508"\} (\d+)/.exec(metrics)
  t.ok(Number(looped?.[1]) >= 1 && Number(looped?.[1]) < 10, `${looped?.[1]} came back`)
})

t.test('what a node keeps to itself is its owner’s alone', async t => {
  const dir = t.testdir()
  const daemon = await startDaemon(await configIn(dir), options)
  t.teardown(() => daemon.close())
  const modeOf = async (name: string) => (await stat(join(dir, 'data', name))).mode & 0o777
  t.equal(await modeOf('.'), 0o700)
  t.equal(await modeOf('admin.token'), 0o600)
  t.equal(await modeOf('node.key'), 0o600)
  t.equal(await modeOf('ledger.db'), 0o600)
  t.match(await readFile(join(dir, 'data', 'admin.token'), 'utf8'), /^[\w-]{43}\n$/)
})

t.test(
  'a file of upstreams that cannot be read stops a node only where nobody is left',
  async t => {
    const dir = t.testdir()
    const upstreamFiles = [join(dir, 'registries.yaml')]
    const alone = await configIn(dir, { upstreams: {}, upstreamFiles })
    await t.rejects(startDaemon(alone, options), { code: 'config-invalid', message: /no registry/ })
    await t.rejects(stat(join(dir, 'data')), { code: 'ENOENT' }, 'and nothing was opened')
    const daemon = await startDaemon(await configIn(dir, { upstreamFiles }), options)
    await daemon.close()
  },
)
