import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { Host } from '../test/system/support/lan.ts'
import { start } from '../test/system/support/process.ts'

/** Every Spegel listens on the same port: it takes another's to be its own. */
const port = 5000
const bootstrapPort = 5002

/** Where a `spegel` is on the `PATH`, if anywhere. */
export function findSpegel(): string | undefined {
  const files = (process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, 'spegel'))
  return files.find(file => {
    try {
      accessSync(file, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/**
 * Starts Spegel on its defaults on one host, for the containerd whose folder is `containerdDir`; it finds the other one by HTTP.
 */
export function startSpegel(
  program: string,
  host: Host,
  other: Host,
  dirs: { readonly containerdDir: string; readonly dataDir: string },
) {
  const settings = {
    'registry-addr': `:${port}`,
    'router-addr': ':5001',
    'metrics-addr': ':9090',
    'bootstrap-kind': 'http',
    'http-bootstrap-addr': `:${bootstrapPort}`,
    'http-bootstrap-peer': `http://${other.address}:${bootstrapPort}`,
    'containerd-sock': join(dirs.containerdDir, 'containerd.sock'),
    'containerd-content-path': join(dirs.containerdDir, 'root', 'io.containerd.content.v1.content'),
    'data-dir': dirs.dataDir,
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const [command = program, ...args] = [...host.within, program, 'registry', ...flags]
  const running = start(command, args)
  return {
    /** Of its mirror, within the host. */
    url: `http://127.0.0.1:${port}`,
    pid: running.pid,
    output: running.output,
    stop: () => running.stop(),
  }
}
