import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { CommandFailure } from '../../src/cli/command-failure.ts'
import { explainFailure } from '../../src/cli/start-failure.ts'
import { loadConfig } from '../../src/config/load.ts'
import { HoldfastError } from '../../src/ports/errors.ts'
import { listen } from './support.ts'

async function configure(flags: Record<string, string> = {}) {
  const given = Object.entries(flags).map(([name, text]) => ({ name, text }))
  const { config } = await loadConfig({ file: undefined, env: {}, flags: given, isTerminal: false })
  if (config === undefined) throw new Error('refused')
  return config
}

/** The error of listening on a port that is taken. */
async function takenPort(port: number): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const server = createServer().once('error', resolve)
  server.listen(port, '127.0.0.1')
  return promise
}

t.test('a port in use is told with the key that names it', async t => {
  const server = createServer()
  const port = await listen(t, server)
  const error = await takenPort((server.address() as AddressInfo).port)
  const config = await configure({ 'health.listen': `127.0.0.1:${port}` })
  for (const thrown of [error, new Error('could not listen', { cause: error })]) {
    const told = explainFailure(thrown, config)
    t.ok(told instanceof CommandFailure && told.code === 'failed')
    t.match(told, {
      message: `health.listen: 127.0.0.1:${port} is in use by another process; set health.listen (--health.listen …) to another`,
    })
  }
})

t.test('a port of the mesh that is taken is told with its key', async t => {
  const server = createServer()
  const port = await listen(t, server)
  const error = await takenPort((server.address() as AddressInfo).port)
  for (const key of ['peer.listen', 'mesh.listen']) {
    const flags = { 'mesh.enabled': 'true', 'mesh.secret-file': '/x', [key]: `127.0.0.1:${port}` }
    t.match(explainFailure(error, await configure(flags)), { message: new RegExp(`^${key}: `) })
  }
})

t.test('a directory that cannot be used is told with the key that names it', async t => {
  const config = await configure({ 'data-dir': '/var/lib/van', 'store.dir': '/mnt/blobs' })
  const cases: [code: string, path: string, told: RegExp][] = [
    [
      'EACCES',
      '/var/lib/van/node.key',
      /^dataDir: \/var\/lib\/van cannot be used \(this user may not write there: \/var\/lib\/van\/node.key\); .*--data-dir/,
    ],
    ['ENOENT', '/var/lib', /^dataDir: \/var\/lib\/van cannot be used/],
    ['EROFS', '/mnt/blobs/partial', /^store.dir: \/mnt\/blobs .*read-only.*--store.dir/],
    ['EACCES', '/var/lib/vanilla', /^denied$/],
    ['EIO', '/var/lib/van', /^denied$/],
  ]
  for (const [code, path, told] of cases) {
    const error = Object.assign(new Error('denied'), { code, path })
    t.match(explainFailure(error, config), { code: 'failed', message: told }, path)
    const wrapped = new HoldfastError('store-unusable', 'denied', error)
    t.match(explainFailure(wrapped, config), { code: 'failed', message: told }, path)
  }
})

t.test('a failure of our own house is told in its own words', async t => {
  const error = new HoldfastError(
    'ledger-newer',
    'the database was written by a newer version; install it',
  )
  t.match(explainFailure(error, await configure()), {
    code: 'failed',
    message: error.message,
    cause: error,
  })
})

t.test(
  'what is wrong with the configuration is told as that, also when only the start finds it',
  async t => {
    const error = new HoldfastError('config-invalid', '/etc/registries.yaml: cannot be read')
    t.match(explainFailure(error, await configure()), {
      code: 'configInvalid',
      message: error.message,
    })
  },
)

t.test('a fault in the program stays as it is, with its stack', async t => {
  const error = new TypeError('undefined is not a function')
  t.equal(explainFailure(error, await configure()), error)
})
