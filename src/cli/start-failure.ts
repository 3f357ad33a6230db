import type { Config } from '../config/config.ts'
import { formatListen } from '../config/listen.ts'
import { CommandFailure } from './command-failure.ts'

/**
 * What a failed start means for the person who did it: the key that names the address, or the failure's own words. What has no code
 * is a fault of ours and stays as it is.
 */
export function explainFailure(error: unknown, config: Config): unknown {
  const failure = firstWithCode(error)
  if (failure === undefined) return error
  const { code, port, path } = failure
  const told = listenFailures[code]
  const key = told === undefined ? undefined : keyAt(config, port, path)
  if (told === undefined || key === undefined)
    return new CommandFailure('failed', failure.message, error)
  const { name, address } = key
  return new CommandFailure(
    'failed',
    `${name}: ${address} ${told}; set ${name} (--${name} …) to another`,
    error,
  )
}

const listenFailures: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process',
  EADDRNOTAVAIL: 'is no address of this machine',
  EACCES: 'may not be listened on by this user',
  ENOTFOUND: 'is a host name that cannot be resolved',
}

interface Coded extends Error {
  readonly code: string
  readonly port?: number
  readonly path?: string
}

/** The error itself or the first of its causes that carries a code. */
function firstWithCode(error: unknown): Coded | undefined {
  if (!(error instanceof Error)) return undefined
  return isCoded(error) ? error : firstWithCode(error.cause)
}

const isCoded = (error: Error): error is Coded => 'code' in error && typeof error.code === 'string'

function keyAt(config: Config, port: number | undefined, path: string | undefined) {
  const { mirror, admin, health } = config
  if (path !== undefined && path === admin.socket) return { name: 'admin.socket', address: path }
  const listeners = {
    'mirror.listen': mirror.listen,
    'admin.listen': admin.listen,
    'health.listen': health.listen,
  }
  const found = Object.entries(listeners).find(([, listen]) => listen.port === port)
  return found && { name: found[0], address: formatListen(found[1]) }
}
