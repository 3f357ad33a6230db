import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

// A node whose disk is too busy to make anything durable before it is killed: what it is told to sync waits for ever.

fs.fdatasync = Object.assign(() => {}, { __promisify__: () => new Promise<never>(() => {}) })
syncBuiltinESMExports()

const { startDaemon } = await import('../../src/daemon.ts')
const { configIn, runningLog } = await import('../support/start-node.ts')
const { silentLog } = await import('../../src/ports/log.ts')

const [dir = '', upstreams = '{}'] = process.argv.slice(2)
const config = await configIn(dir, { upstreams: JSON.parse(upstreams) })
const { addresses } = await startDaemon(config, {
  version: '0.0.0-test',
  log: runningLog(silentLog),
})
process.send?.(addresses.mirror)
