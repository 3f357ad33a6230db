import { stat } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { ContainerdFailure } from './failure.ts'

const states: Readonly<Record<string, ContainerdFailure['state']>> = {
  ENOENT: 'absent',
  ENOTDIR: 'absent',
  ECONNREFUSED: 'refused',
  ENOTSOCK: 'refused',
  EACCES: 'denied',
  EPERM: 'denied',
}

/** Connects and hangs up. Rejects with the {@link ContainerdFailure} that tells why nobody could. */
export async function probeSocket(path: string, timeoutMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const socket = createConnection({ path })
  const timer = setTimeout(() => {
    reject(new ContainerdFailure('hanging', `${path} takes no connection`)) // its backlog is full
  }, timeoutMs)
  socket.once('connect', resolve)
  socket.once('error', (error: NodeJS.ErrnoException) => {
    reject(new ContainerdFailure(states[error.code ?? ''] ?? 'failing', error.message, error))
  })
  try {
    await promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

/** Tells one socket from another that was made in its place; `undefined` when there is none to be seen. */
export async function socketIdentity(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, ctimeMs } = await stat(path)
    return `${dev} ${ino} ${ctimeMs}`
  } catch {
    return undefined
  }
}
