import { spawn } from 'node:child_process'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Credential } from './credential.ts'

/** Asks `docker-credential-NAME` for a server's credential; `undefined` for none. Never rejects: a failure is logged. */
export type AskHelper = (name: string, server: string) => Promise<Credential | undefined>

const maxAnswerBytes = 64 * 1024
const keepMs = 60_000
/** A helper that fails is left alone for that long. */
const keepFailureMs = 10_000

interface Kept {
  readonly credential: Credential | undefined
  readonly untilMs: number
}

/**
 * Makes the asker: answers are kept for a minute, one process runs a question. What a helper writes to its standard error is never read,
 * because it may hold secrets.
 */
export function createAskHelper(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  { deadlineMs = 2_000, path }: { readonly deadlineMs?: number; readonly path?: string } = {},
): AskHelper {
  const kept = new LRUCache<string, Kept>({ max: 200 })
  const running = new Map<string, Promise<Credential | undefined>>()
  const environment = path === undefined ? process.env : { ...process.env, PATH: path }

  async function ask(name: string, server: string, key: string): Promise<Credential | undefined> {
    try {
      const credential = await run(name, server, { deadlineMs, environment })
      kept.set(key, { credential, untilMs: clock.monotonicMs() + keepMs })
      return credential
    } catch (error) {
      log.warn(
        { helper: name, server, reason: (error as Error).message },
        'credential helper failed',
      )
      kept.set(key, { credential: undefined, untilMs: clock.monotonicMs() + keepFailureMs })
      return undefined
    } finally {
      running.delete(key)
    }
  }

  return async function askHelper(name, server) {
    const key = `${name} ${server}`
    const held = kept.get(key)
    if (held !== undefined && clock.monotonicMs() < held.untilMs) return held.credential
    const started = running.get(key) ?? ask(name, server, key)
    running.set(key, started)
    return started
  }
}

// https://github.com/docker/docker-credential-helpers: the server on standard input, JSON on standard output.
async function run(
  name: string,
  server: string,
  { deadlineMs, environment }: { deadlineMs: number; environment: NodeJS.ProcessEnv },
): Promise<Credential | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>()
  const child = spawn(`docker-credential-${name}`, ['get'], {
    env: environment,
    stdio: ['pipe', 'pipe', 'ignore'],
    // A group of its own, so that its children end with it.
    detached: true,
  })
  let said = ''
  function end(error: Error) {
    killGroup(child.pid)
    child.stdout.destroy()
    reject(error)
  }
  const timer = setTimeout(() => end(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs)
  child.on('error', error => end(new Error(`cannot be started (${codeOf(error)})`)))
  // It may end without having read the question.
  child.stdin.on('error', () => undefined)
  child.stdin.end(server)
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    said += text
    if (said.length > maxAnswerBytes) end(new Error('its answer is too long'))
  })
  child.on('close', code => {
    if (code === 0) resolve(said)
    else if (/credentials not found/i.test(said)) resolve(undefined)
    else reject(new Error(`ended with ${code}`))
  })
  try {
    return parseHelperAnswer(await promise)
  } finally {
    clearTimeout(timer)
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}

function parseHelperAnswer(text: string | undefined): Credential | undefined {
  if (text === undefined) return undefined
  const { Username: username, Secret: secret } = parseRecord(text)
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw new Error('its answer has no Username and Secret')
  }
  if (secret === '') return undefined
  // Docker's own mark for a refresh token.
  if (username === '<token>') return { kind: 'identity', token: secret, username }
  return { kind: 'basic', username, password: secret }
}

function parseRecord(text: string): { Username?: unknown; Secret?: unknown } {
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null) return parsed
  } catch {
    // The parser's own message shows a piece of the text.
  }
  throw new Error('its answer is not a JSON object')
}
