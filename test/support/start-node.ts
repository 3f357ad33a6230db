import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { startDaemon } from '../../src/daemon.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { type Log, silentLog } from '../../src/ports/log.ts'
import type { LogLevel, RunningLog } from '../../src/telemetry/log.ts'
import type { ScriptedRegistry } from './registry.ts'

/** What is laid over a test's node; the shape of holdfast.yaml. */
type Written = Readonly<Record<string, unknown>> & { readonly resolve?: object }

/**
 * A node's configuration in a directory of its own, on free ports of loopback. Clients wait longer than they do in the field: a registry that
 * answers is not to be late because the machine stood still for a second.
 */
export async function configIn(dir: string, written: Written = {}): Promise<Config> {
  const path = join(dir, 'holdfast.yaml')
  const settings = {
    dataDir: join(dir, 'data'),
    mirror: { listen: '127.0.0.1:0' },
    admin: { listen: '127.0.0.1:0' },
    health: { listen: '127.0.0.1:0' },
    platforms: ['linux/amd64'],
    store: { minFreeBytes: '1MiB' },
    ...written,
    resolve: { timeoutMs: 10_000, ...written.resolve },
  }
  await writeFile(path, JSON.stringify(settings)) // JSON is YAML
  const file = { path, origin: { kind: 'flag', name: '--config' } } as const
  const { config, faults } = await loadConfig({ file, env: {}, flags: [], isTerminal: false })
  if (config === undefined) throw new Error(JSON.stringify(faults))
  return config
}

/** A log that takes all levels, for a node. */
export function runningLog(log: Log): RunningLog {
  let level: LogLevel = 'info'
  return {
    ...log,
    level: () => level,
    setLevel(next) {
      level = next
    },
    flush() {},
    recent: () => [],
  }
}

/** A whole node in this process, in front of one registry. Whoever starts it closes it. */
export async function startNode(
  registry: ScriptedRegistry,
  dir: string,
  written: Written = {},
  { log = silentLog, clock }: { readonly log?: Log; readonly clock?: Clock } = {},
) {
  const upstreams = { [registry.host]: { url: registry.url } }
  const config = await configIn(dir, { upstreams, ...written })
  const daemon = await startDaemon(config, {
    version: '0.0.0-test',
    log: runningLog(log),
    ...(clock && { clock }),
  })
  return {
    ...daemon,
    config,
    /** Asks the mirror for what follows `/v2/`, as containerd does. */
    ask: (path: string, init: RequestInit = {}) =>
      fetch(`http://${daemon.addresses.mirror}/v2/${path}?ns=${registry.host}`, init),
  }
}
