import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts, type Running, start, until } from './process.ts'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
export const nodeBinary = join(root, 'node_modules', '.bin', 'node')
/** The built program, as users run it. */
export const program = join(root, 'dist', 'main.js')

/** Far more than a start takes: several nodes may start at once on a small machine. */
const readyMs = 60_000

export interface NodeOptions {
  /** The node's folder; kept over restarts. */
  readonly dir: string
  /** Laid over the test's own settings; the shape of holdfast.yaml. */
  readonly config: Readonly<Record<string, unknown>>
  /** What the program is run through: `faketime`, `nsenter`. */
  readonly through?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Where this test reaches the node; by default loopback. Unreachable from here: the caller waits for readiness himself. */
  readonly reach?: 'loopback' | 'elsewhere'
  /** Of mirror, admin and health; by default any free ones. */
  readonly ports?: readonly number[]
  /** Called with the ports it will listen on, before it starts: makes them reachable from here. */
  readonly open?: (ports: readonly number[]) => Promise<void>
}

/** A real Holdfast process. */
export interface HoldfastNode {
  readonly pid: number
  readonly mirror: string
  readonly admin: string
  readonly health: string
  output(): string
  readonly ended: Promise<number | string>
  /** The admin API, with the token; with `change` it is told to change something, and rejects when it does not. */
  ask<T>(path: string, change?: { readonly method: string; readonly body?: object }): Promise<T>
  metrics(): Promise<string>
  stop(signal?: NodeJS.Signals): Promise<number | string>
}

/** Starts a node and waits until it is ready. */
export async function startNode(options: NodeOptions): Promise<HoldfastNode> {
  const { dir, config, through = [], reach = 'loopback' } = options
  await mkdir(dir, { recursive: true })
  const ports = options.ports ?? (await freePorts(3))
  const [mirror, admin, health] = ports
  await options.open?.(ports)
  const dataDir = join(dir, 'data')
  const file = join(dir, 'holdfast.yaml')
  const settings = {
    dataDir,
    mirror: { listen: `127.0.0.1:${mirror}` },
    admin: { listen: `127.0.0.1:${admin}` },
    health: { listen: `127.0.0.1:${health}` },
    store: { minFreeBytes: '1MiB' },
    log: { level: 'debug' },
    ...config,
  }
  await writeFile(file, JSON.stringify(settings, undefined, 2)) // JSON is YAML
  const [command = nodeBinary, ...args] = [
    ...through,
    nodeBinary,
    program,
    'serve',
    '--config',
    file,
  ]
  const env = { ...withoutProxies(process.env), ...options.env }
  const running: Running = start(command, args, { env, cwd: dir })
  const healthUrl = `http://127.0.0.1:${health}`
  if (reach === 'loopback') {
    await until(
      'the node is ready',
      async () => {
        if (running.child.exitCode !== null) throw new Error(`it ended:\n${running.output()}`)
        const answer = await fetch(`${healthUrl}/readyz`).catch(() => undefined)
        return answer?.status === 200
      },
      readyMs,
    ).catch(async error => {
      await running.stop('SIGKILL') // nobody else knows of it yet
      throw error
    })
  }
  return {
    pid: running.pid,
    mirror: `http://127.0.0.1:${mirror}`,
    admin: `http://127.0.0.1:${admin}`,
    health: healthUrl,
    output: running.output,
    ended: running.ended,
    async ask(path, change) {
      const token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim()
      const answer = await fetch(new URL(path, `http://127.0.0.1:${admin}`), {
        method: change?.method ?? 'GET',
        headers: {
          authorization: `Bearer ${token}`,
          ...(change?.body !== undefined && { 'content-type': 'application/json' }),
        },
        body: change?.body === undefined ? null : JSON.stringify(change.body),
      })
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
      return (await answer.json()) as never
    },
    metrics: async () => (await fetch(`${healthUrl}/metrics`)).text(),
    stop: signal => running.stop(signal),
  }
}

function withoutProxies(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/_proxy$/i.test(name) && !/^HOLDFAST_/.test(name)),
  )
}
