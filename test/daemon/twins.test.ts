import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startDaemon } from '../../src/daemon.ts'
import { type Log, silentLog } from '../../src/ports/log.ts'
import { configIn, runningLog } from '../support/start-node.ts'
import { freePorts } from '../system/support/process.ts'

const withinMs = 10_000

/** A log that tells when the one of a copied key is written. */
function listen() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const error = (_: object, message: string) => {
    if (message.startsWith('another node uses the key of this one')) resolve()
  }
  const log: Log = { ...silentLog, error }
  return { log, told: promise }
}

/** A node that meets who listens at `seeds`; settles when it runs. */
async function start(
  t: Test,
  dir: string,
  mesh: { readonly port: number; readonly seeds: readonly number[] },
) {
  const at = (port: number) => `127.0.0.1:${port}`
  const config = await configIn(dir, {
    upstreams: {},
    peer: { listen: '127.0.0.1:0' },
    mesh: { enabled: true, listen: at(mesh.port), seeds: mesh.seeds.map(at) },
  })
  const { log, told } = listen()
  const node = await startDaemon(config, { version: '0', log: runningLog(log) })
  t.teardown(() => node.close())
  return { told, close: () => node.close() }
}

/** The directories of two nodes, one a copy of the other. */
async function copied(t: Test): Promise<[string, string]> {
  const dir = t.testdir({ a: {}, b: { data: {} } })
  const [a, b] = [join(dir, 'a'), join(dir, 'b')]
  const node = await start(t, a, { port: 0, seeds: [] })
  await node.close()
  await mkdir(join(b, 'data'), { recursive: true })
  await copyFile(join(a, 'data', 'node.key'), join(b, 'data', 'node.key'))
  return [a, b]
}

async function areTold(t: Test, nodes: readonly { readonly told: Promise<void> }[]): Promise<void> {
  const late = AbortSignal.timeout(withinMs)
  const { promise, reject } = Promise.withResolvers<never>()
  late.addEventListener('abort', () => reject(new Error(`not told within ${withinMs} ms`)))
  await t.resolves(Promise.race([Promise.all(nodes.map(({ told }) => told)), promise]))
}

t.test('two copies of one node alone that dial each other at once are both told', async t => {
  const [a, b] = await copied(t)
  const [one = 0, other = 0] = await freePorts(2)
  const nodes = await Promise.all([
    start(t, a, { port: one, seeds: [other] }),
    start(t, b, { port: other, seeds: [one] }),
  ])
  await areTold(t, nodes)
})

t.test('so are two of which one knows where the other is', async t => {
  const [a, b] = await copied(t)
  const [one = 0, other = 0] = await freePorts(2)
  const nodes = [
    await start(t, a, { port: one, seeds: [] }),
    await start(t, b, { port: other, seeds: [one] }),
  ]
  await areTold(t, nodes)
})
