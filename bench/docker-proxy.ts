import { appendFile } from 'node:fs/promises'
import { registryConfig } from '../test/system/support/docker-registry.ts'
import { freePort, run, start, succeeds, until } from '../test/system/support/process.ts'

/**
 * Starts Debian's `docker-registry` as a pull-through cache of another registry; its files lie under `dir`.
 *
 * @param within prefix of its command: where its loopback is
 */
export async function startDockerProxy(
  dir: string,
  upstream: string,
  within: readonly string[] = [],
) {
  const port = await freePort()
  const config = await registryConfig(dir, `127.0.0.1:${port}`)
  await appendFile(config, `proxy: { remoteurl: '${upstream}' }\n`)
  const inside = (...words: readonly string[]) => {
    const [command = '', ...args] = [...within, ...words]
    return { command, args }
  }
  const server = inside('docker-registry', 'serve', config)
  const running = start(server.command, server.args)
  const knock = inside('bash', '-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`)
  await until('docker-registry answers', () => succeeds(run(knock.command, knock.args)))
  return { url: `http://127.0.0.1:${port}`, pid: running.pid, stop: () => running.stop() }
}
