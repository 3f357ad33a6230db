import type { MirrorAccess } from '../adapters/containerd-setup/hosts-toml.ts'
import type { Config } from '../config/config.ts'
import { formatListen, isLoopback } from '../config/listen.ts'
import { readTokens } from '../http/token-file.ts'
import { HoldfastError } from '../ports/errors.ts'

/** Where this machine reaches the mirror: a dead address of another would hold up every request for seconds. */
function mirrorUrl({ mirror }: Config): string {
  const { host, port } = mirror.listen
  if (port === 0) {
    const message =
      'mirror.listen takes any free port, which no file can name: set one, as in 127.0.0.1:5050'
    throw new HoldfastError('config-invalid', message)
  }
  const isEverywhere = host === '0.0.0.0' || host === '::'
  return `http://${formatListen({ host: isEverywhere ? '127.0.0.1' : host, port })}`
}

/** The mirror as containerd is to ask it. Throws `HoldfastError` with `config-invalid` when `mirror.tokenFile` is no file of tokens. */
export function accessToMirror(config: Config, targets: readonly string[]): MirrorAccess {
  const { tokenFile, listen } = config.mirror
  const token =
    tokenFile === undefined
      ? undefined
      : readTokens({ key: 'mirror.tokenFile', path: tokenFile })[0]?.token
  return { url: mirrorUrl(config), targets, token, isOffLoopback: !isLoopback(listen) }
}
