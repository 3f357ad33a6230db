import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { plainly } from '../../support/plainly.ts'

/** A real process of a test, with what it printed. */
export interface Running {
  readonly pid: number
  readonly child: ChildProcess
  /** Everything printed so far, both streams. */
  output(): string
  /** Ends it: the signal, then SIGKILL after `graceMs`. Resolves with the exit code, or the signal's name. */
  stop(signal?: NodeJS.Signals, graceMs?: number): Promise<number | string>
  /** Resolves when it ended by itself. */
  readonly ended: Promise<number | string>
  /** Resolves once all was read that it printed as well: after its end, and that of all that it started and that prints there, too. */
  readonly closed: Promise<number | string>
}

/** Starts a process as users do, with nothing of the test runner in it; it is stopped by its own pid and never by name. */
export function start(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
): Running {
  const [first, ...others] = [...plainly, command, ...args]
  const child = spawn(first, others, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const printed: Buffer[] = []
  child.stdout.on('data', chunk => printed.push(chunk))
  child.stderr.on('data', chunk => printed.push(chunk))
  const happens = (event: 'exit' | 'close'): Promise<number | string> => {
    const happened = once(child, event).then(([code, signal]) => code ?? signal)
    happened.catch(() => {})
    return happened
  }
  const [ended, closed] = [happens('exit'), happens('close')]
  if (child.pid === undefined) throw new Error(`cannot start ${command}: is it installed?`)
  return {
    pid: child.pid,
    child,
    output: () => Buffer.concat(printed).toString(),
    ended,
    closed,
    async stop(signal = 'SIGTERM', graceMs = 30_000) {
      if (child.exitCode !== null || child.signalCode !== null) return ended
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      try {
        return await ended
      } finally {
        clearTimeout(timer)
      }
    },
  }
}

/** Runs a command to its end. Rejects with its output when it fails. */
export async function run(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {},
): Promise<string> {
  const running = start(command, args, options.env === undefined ? {} : { env: options.env })
  const timer = setTimeout(() => running.child.kill('SIGKILL'), options.timeoutMs ?? 180_000)
  const code = await running.closed
  clearTimeout(timer)
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: ${code}\n${running.output()}`)
  return running.output()
}

/** Whether a command that was run ended well. */
export const succeeds = (running: Promise<string>): Promise<boolean> =>
  running.then(
    () => true,
    () => false,
  )

/**
 * Polls until `check` gives something other than `undefined` or `false`. By default it waits far longer than anything takes on a busy
 * machine: also for what nodes do at random every 30 s ± 50 %.
 */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 60_000,
): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const value = await check()
    if (value !== undefined && value !== false) return value
    if (performance.now() > end) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`)
    await delay(25)
  }
}

/**
 * Below those that the system gives to outgoing connections: nobody gets one of them by accident before it is listened on.
 * Above 10080, the highest that `fetch` refuses to ask (WHATWG Fetch, “port blocking”).
 */
const [lowestPort, portCount] = [10_081, 21_900]

/** Given away already; whoever got one may not listen on it yet. */
const taken = new Set<number>()

/** Ports of the loopback interface that nobody listens on just now, each another, and none twice in this process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port = lowestPort + Math.floor(Math.random() * portCount)
    if (taken.has(port)) continue
    taken.add(port)
    if (await isFree(port)) ports.push(port)
  }
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  server.once('error', () => resolve(false))
  server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  return promise
}

/** One such port. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}
