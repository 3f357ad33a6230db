import { writeFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readUpstreams } from '../../src/daemon/upstream-files.ts'
import { configIn } from '../support/start-node.ts'

const [own] = Object.values(networkInterfaces()).flatMap(
  list => list?.filter(({ family, internal }) => family === 'IPv4' && !internal) ?? [],
)

for (const listen of ['127.0.0.1:5050', '0.0.0.0:5050', '[::]:5050']) {
  t.test(`the mirror on ${listen} is no upstream of itself, however it is written`, async t => {
    const dir = t.testdir({})
    const hosts = ['127.0.0.1', 'localhost', ...(listen.startsWith('127') ? [] : [own?.address])]
    const urls = hosts.filter(host => host !== undefined).map(host => `http://${host}:5050`)
    const file = join(dir, 'registries.yaml')
    const endpoint = [...urls, 'https://hub.example', 'http://127.0.0.1:5051']
    await writeFile(file, JSON.stringify({ mirrors: { 'docker.io': { endpoint } } }))
    const config = await configIn(dir, { mirror: { listen }, upstreams: {}, upstreamFiles: [file] })
    const { upstreams } = await readUpstreams(config)
    t.match(upstreams['docker.io']?.endpoints, [
      { url: 'https://hub.example/' },
      { url: 'http://127.0.0.1:5051/' },
    ])
    t.equal(upstreams['docker.io']?.endpoints.length, 2)
  })
}
