import { resolve } from 'node:path'
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
  if (told === undefined || key === undefined) {
    // Such as a file of another program's that the configuration names.
    const exit = code === 'config-invalid' ? 'configInvalid' : 'failed'
    return new CommandFailure(exit, tellDirectory(error, config) ?? failure.message, error)
  }
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

const directoryFailures: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'it is no directory',
  EEXIST: 'it is no directory',
  ENOENT: 'it cannot be made',
  ENOSPC: 'the disk is full',
}

/** A directory that cannot be used, with the key that names it. */
function tellDirectory(error: unknown, config: Config): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { dataDir, store } = config
  const { code = '', path }: Partial<Coded> = error
  const reason = directoryFailures[code]
  if (reason === undefined || path === undefined) return tellDirectory(error.cause, config)
  const keys = [
    { name: 'dataDir', flag: 'data-dir', directory: dataDir },
    { name: 'store.dir', flag: 'store.dir', directory: store.dir },
  ]
  const key = keys.find(({ directory }) => isWithin(path, directory))
  if (key === undefined) return undefined
  const cure = `mend that, or set ${key.name} (--${key.flag} …) to another`
  return `${key.name}: ${resolve(key.directory)} cannot be used (${reason}: ${path}); ${cure}`
}

/** The directory itself, what lies in it, and the directories above that have to be made first. */
function isWithin(path: string, directory: string): boolean {
  const [inner, outer] = [resolve(path), resolve(directory)]
  return `${inner}/`.startsWith(`${outer}/`) || `${outer}/`.startsWith(`${inner}/`)
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
  const { mirror, admin, health, peer, mesh } = config
  if (path !== undefined && path === admin.socket) return { name: 'admin.socket', address: path }
  const listeners = {
    'mirror.listen': mirror.listen,
    'admin.listen': admin.listen,
    'health.listen': health.listen,
    ...(mesh.enabled && { 'peer.listen': peer.listen, 'mesh.listen': mesh.listen }),
  }
  const found = Object.entries(listeners).find(([, listen]) => listen.port === port)
  return found && { name: found[0], address: formatListen(found[1]) }
}
