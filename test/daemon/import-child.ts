import { startDaemon } from '../../src/daemon.ts'
import { silentLog } from '../../src/ports/log.ts'
import { configIn, runningLog } from '../support/start-node.ts'

/** A node in `dir`, with a drop folder if one is named, that tells its parent where it listens and lives until it is killed. */
const [dir = '', path] = process.argv.slice(2)
const config = await configIn(dir, {
  mode: 'offline',
  upstreams: { 'reg.lab': {} },
  ...(path !== undefined && { dropFolder: { path } }),
})
const { addresses } = await startDaemon(config, {
  version: '0.0.0-test',
  log: runningLog(silentLog),
})
process.send?.({ addresses, tokenFile: config.admin.tokenFile })
