import type { Config } from '../config/config.ts'
import { formatListen } from '../config/listen.ts'
import { HoldfastError } from '../ports/errors.ts'

/** Where this machine reaches the mirror: a dead address of another would hold up every request for seconds. */
export function mirrorUrl({ mirror }: Config): string {
  const { host, port } = mirror.listen
  if (port === 0) {
    const message =
      'mirror.listen takes any free port, which no file can name: set one, as in 127.0.0.1:5050'
    throw new HoldfastError('config-invalid', message)
  }
  const isEverywhere = host === '0.0.0.0' || host === '::'
  return `http://${formatListen({ host: isEverywhere ? '127.0.0.1' : host, port })}`
}
