import { connect, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { UpstreamFailure } from '../../ports/errors.ts'

/** RFC 8305 section 5: the next address is tried beside a silent one after this time. */
const staggerMs = 250
// Tells a dead link under a kept connection long before the system's two hours.
const keepAliveAfterMs = 15_000

/** Where to open a TCP connection. */
export interface Target {
  /** IP addresses, at least one, in the order in which to try them. */
  readonly addresses: readonly string[]
  readonly port: number
  /** Names the host in a failure. */
  readonly host: string
}

/**
 * Tries the addresses one after the other, the next one beside a silent one after 250 ms; the first connection wins.
 * @throws UpstreamFailure `unreachable`/`connect` when all refuse; the signal's reason when aborted
 */
export async function dial(target: Target, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const waiting = [...target.addresses]
  const open = new Set<Socket>()
  const errors: unknown[] = []
  let isDone = false
  let timer: NodeJS.Timeout | undefined

  function tryNext() {
    clearTimeout(timer)
    const address = waiting.shift()
    if (address === undefined) return
    if (waiting.length > 0) timer = setTimeout(tryNext, staggerMs)
    const socket = connect({ host: address, port: target.port, noDelay: true })
    open.add(socket)
    // Stays: an error that nobody listens to would end the process.
    socket.on('error', error => onFailure(socket, error))
    socket.once('connect', () => {
      if (isDone) return
      isDone = true
      open.delete(socket)
      socket.setKeepAlive(true, keepAliveAfterMs)
      resolve(socket)
    })
  }

  function onFailure(socket: Socket, error: Error) {
    if (isDone || !open.delete(socket)) return
    errors.push(error)
    if (waiting.length > 0) return tryNext()
    if (open.size === 0) reject(refused(target, errors))
  }

  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    tryNext()
    return await promise
  } finally {
    isDone = true
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    for (const socket of open) socket.destroy()
  }
}

function refused({ host, port }: Target, errors: readonly unknown[]): UpstreamFailure {
  const [only] = errors
  const cause = errors.length === 1 ? only : new AggregateError(errors)
  const codes = new Set(errors.map(error => (error as NodeJS.ErrnoException).code ?? 'unknown'))
  const message = `${host}:${port} cannot be connected to (${[...codes].join(', ')})`
  return new UpstreamFailure('unreachable', 'connect', message, { cause })
}

/**
 * The order in which to try: the address that worked last, then the families in turn, IPv6 first where this machine has an address of it.
 */
export function orderAddresses(
  addresses: readonly string[],
  lastGood: string | undefined,
  preferIpv6: boolean = hasIpv6(),
): readonly string[] {
  const ipv6 = addresses.filter(address => address.includes(':'))
  const ipv4 = addresses.filter(address => !address.includes(':'))
  const [first, second] = preferIpv6 ? [ipv6, ipv4] : [ipv4, ipv6]
  const turns = Math.max(first.length, second.length)
  const mixed = Array.from({ length: turns }, (_, i) => [first[i], second[i]])
    .flat()
    .filter(address => address !== undefined)
  if (lastGood === undefined || !mixed.includes(lastGood)) return mixed
  return [lastGood, ...mixed.filter(address => address !== lastGood)]
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some(addresses =>
    addresses?.some(({ family, internal, scopeid }) => family === 'IPv6' && !internal && !scopeid),
  )
}
