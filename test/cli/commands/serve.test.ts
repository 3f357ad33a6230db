import { join } from 'node:path'
import t from 'tap'
import type { StartDaemon } from '../../../src/cli/command.ts'
import type { Config } from '../../../src/config/config.ts'
import { HoldfastError } from '../../../src/ports/errors.ts'
import { cli } from '../support.ts'

const addresses = { mirror: '127.0.0.1:1', admin: '127.0.0.1:2', health: '127.0.0.1:3' }

/** A daemon that is told to stop as soon as somebody waits for it. */
function scripted() {
  const started: Config[] = []
  const closed: true[] = []
  const startDaemon: StartDaemon = async config => {
    started.push(config)
    const before = process.listenerCount('SIGTERM')
    const stop = () => {
      if (process.listenerCount('SIGTERM') > before) process.emit('SIGTERM')
      else setImmediate(stop)
    }
    setImmediate(stop)
    return { addresses, close: async () => void closed.push(true) }
  }
  return {
    started,
    closed,
    parts: {
      loadDaemon: async () => ({
        startDaemon,
        checkFiles: async () => ({ faults: [], warnings: [] }),
      }),
    },
  }
}

t.test('a node is started as configured, announced, and stopped by a signal', async t => {
  const { started, closed, parts } = scripted()
  const ran = await cli(['serve', '--mode', 'offline', '--data-dir', '/d'], { parts })
  t.match(ran, {
    code: 0,
    out: /^holdfast .* is ready\n/,
    err: /^holdfast: SIGTERM: stopping; once more stops at once\n$/,
  })
  t.match(started, [{ mode: 'offline', dataDir: '/d' }])
  t.equal(closed.length, 1)
})

t.test('programs are told in JSON that it is ready', async t => {
  const { out } = await cli(['serve', '-o', 'json'], { parts: scripted().parts })
  t.strictSame(JSON.parse(out), { ready: true, addresses })
})

t.test('a wrong configuration starts nothing', async t => {
  const { started, parts } = scripted()
  t.match(await cli(['serve', '--mode', 'x'], { parts }), {
    code: 3,
    out: '',
    err: /the configuration has a fault:/,
  })
  t.strictSame(started, [])
})

t.test(
  'a file that only the uplink needs is told when it is missing, and the node starts',
  async t => {
    const { started, parts } = scripted()
    const upstreams = JSON.stringify({
      'quay.io': { auth: { tokenFile: join(t.testdir({}), 'gone') } },
    })
    const ran = await cli(['serve', '--upstreams', upstreams], { parts })
    t.match(ran, {
      code: 0,
      err: /^holdfast: --upstreams: .*tokenFile.* cannot be read: there is no such file/,
    })
    t.equal(started.length, 1)
  },
)

t.test('a node that cannot start ends with 6 and says why', async t => {
  const startDaemon: StartDaemon = () =>
    Promise.reject(new HoldfastError('store-unusable', '/d/blobs is read-only'))
  const parts = {
    loadDaemon: async () => ({
      startDaemon,
      checkFiles: async () => ({ faults: [], warnings: [] }),
    }),
  }
  t.strictSame(await cli(['serve'], { parts }), {
    code: 6,
    out: '',
    err: 'holdfast: /d/blobs is read-only\n',
  })
})
