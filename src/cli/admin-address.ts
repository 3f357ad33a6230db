import { readFile } from 'node:fs/promises'
import type { Config } from '../config/config.ts'
import { fileReason } from '../config/file-words.ts'
import { formatListen, isLoopback, type ListenAddress, parseListen } from '../config/listen.ts'
import type { CommandContext } from './command.ts'
import { CommandFailure } from './command-failure.ts'
import { requireConfig } from './require-config.ts'

/** How to reach a node's admin API. */
export interface AdminAccess {
  /** Base URL; with `socketPath` only its scheme and path matter. */
  readonly url: URL
  readonly socketPath: string | undefined
  /** Absent on a socket, whose file mode is the permission. */
  readonly token: string | undefined
  /** PEM to trust beside the system's authorities. */
  readonly ca: string | undefined
}

type Place = Pick<AdminAccess, 'url' | 'socketPath'>

/**
 * Works out where the admin API is and which token it takes: options first, then the environment, then the configuration that the
 * node itself reads. Throws `CommandFailure`.
 */
export async function findAdmin(context: CommandContext): Promise<AdminAccess> {
  const { options, env } = context
  const written = options['address'] ?? (env['HOLDFAST_ADDRESS'] || undefined)
  const givenToken = env['HOLDFAST_ADMIN_TOKEN'] || undefined
  const tokenFile = options['token-file']
  const isSocket = written?.startsWith('unix:') === true
  const isTold = written !== undefined && (isSocket || (tokenFile ?? givenToken) !== undefined)
  const config = isTold ? undefined : await requireConfig(context)
  const place = written === undefined ? configured(config) : parseAddress(written)
  const isElsewhere = written !== undefined && !staysHere(place.url)
  return {
    ...place,
    token: await tokenFor(place, isElsewhere, tokenFile, givenToken, config?.admin.tokenFile),
    ca: await readCa(options['ca-file'] ?? config?.admin.tls?.certFile),
  }
}

function configured(config: Config | undefined): Place {
  const { socket, listen, tls } = config?.admin ?? {}
  if (socket !== undefined) return { url: new URL('http://localhost'), socketPath: socket }
  const address = formatListen(reachable(listen ?? { host: '127.0.0.1', port: 5051 }))
  return {
    url: new URL(`${tls === undefined ? 'http' : 'https'}://${address}`),
    socketPath: undefined,
  }
}

/** A server that listens everywhere is asked on loopback. */
function reachable({ host, port }: ListenAddress): ListenAddress {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port }
  return host === '::' ? { host: '::1', port } : { host, port }
}

function parseAddress(text: string): Place {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '')
    return { url: new URL('http://localhost'), socketPath: path }
  }
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`)
  const isHttp = url !== null && /^https?:$/.test(url.protocol)
  if (!isHttp || url.username !== '' || url.password !== '') {
    const cure = 'write 127.0.0.1:5051, https://node.lan:5051 or unix:/run/holdfast.sock'
    throw new CommandFailure(
      'usage',
      `${JSON.stringify(text.replace(/.*@/s, '***@'))} is no address; ${cure}`,
    )
  }
  if (url.protocol === 'http:' && !staysHere(url)) {
    throw new CommandFailure(
      'usage',
      `the token would cross the network in the clear; write https://${url.host}`,
    )
  }
  return { url, socketPath: undefined }
}

function staysHere({ hostname }: URL): boolean {
  const listen = parseListen(`${hostname}:0`)
  return listen !== undefined && isLoopback(listen)
}

/** @param isElsewhere an address was told, of another machine */
async function tokenFor(
  { url, socketPath }: Place,
  isElsewhere: boolean,
  told: string | undefined,
  given: string | undefined,
  configured: string | undefined,
): Promise<string | undefined> {
  if (told !== undefined) return readToken(told)
  if (given !== undefined) return given
  if (socketPath !== undefined || configured === undefined) return undefined
  if (isElsewhere) {
    const cure = 'name a file with --token-file FILE, or set HOLDFAST_ADMIN_TOKEN'
    const why = 'that of the node here is not sent to another machine'
    throw new CommandFailure('denied', `${url.origin} wants its token: ${cure}; ${why}`)
  }
  return readToken(configured, true)
}

/** @param isOwn the file that the node makes, and nobody named */
async function readToken(path: string, isOwn = false): Promise<string> {
  try {
    const lines = (await readFile(path, 'utf8')).split('\n').map(line => line.trim())
    const first = lines.find(line => line !== '' && !line.startsWith('#'))
    if (first === undefined) throw new CommandFailure('denied', `${path} holds no token`)
    return first.split(/\s+/)[0] ?? ''
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause
    throw new CommandFailure(
      'denied',
      `the admin token cannot be read from ${path}: ${tokenCure(cause, isOwn)}`,
      cause,
    )
  }
}

function tokenCure(cause: unknown, isOwn: boolean): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ENOENT' && isOwn) {
    return 'name the file of the node that is asked with --token-file FILE, or its --data-dir, or set HOLDFAST_ADMIN_TOKEN; a node makes it at its first start'
  }
  if (code !== 'EACCES' && code !== 'EPERM') return fileReason(cause)
  return 'permission denied; run this as the user of the node, or name a file that you may read with --token-file FILE'
}

async function readCa(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new CommandFailure('usage', `the certificate ${path} cannot be read`, cause)
  }
}
