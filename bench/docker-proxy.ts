import { appendFile } from 'node:fs/promises'
import { registryConfig } from '../test/system/support/docker-registry.ts'
import { freePort, start, until } from '../test/system/support/process.ts'

/** Starts Debian's `docker-registry` as a pull-through cache of another registry; its files lie under `dir`. */
export async function startDockerProxy(dir: string, upstream: string) {
  const port = await freePort()
  const config = await registryConfig(dir, `127.0.0.1:${port}`)
  await appendFile(config, `proxy: { remoteurl: '${upstream}' }\n`)
  const running = start('docker-registry', ['serve', config])
  const url = `http://127.0.0.1:${port}`
  await until('docker-registry answers', async () => {
    const answer = await fetch(`${url}/v2/`).catch(() => undefined)
    return answer?.status === 200
  })
  return { url, pid: running.pid, stop: () => running.stop() }
}
