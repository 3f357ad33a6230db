import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { pull } from './support/client.ts'
import { start } from './support/process.ts'
import { requireSystem, schemathesis } from './support/requirements.ts'
import { registryName, startWorld } from './support/world.ts'

requireSystem()

/** What every answer is held to. */
const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
]

t.test(
  'no question that the API’s document allows, or nearly, ends in a fault of ours',
  async t => {
    const world = await startWorld()
    t.teardown(() => world.close())
    await world.push('app', 'latest', { layers: [80_000], salt: 'fuzzed' })
    const node = await world.node()
    await pull(node.mirror, registryName, 'app', 'latest')
    const token = (await readFile(join(world.dir, 'node', 'data', 'admin.token'), 'utf8')).trim()
    const document = join(world.dir, 'openapi.json')
    await writeFile(document, JSON.stringify(await node.ask('/api/v1/openapi.json')))
    const running = start(
      schemathesis,
      [
        'run',
        document,
        ...['--url', node.admin],
        ...['-H', `Authorization: Bearer ${token}`],
        ...['-c', checks.join(',')],
        ...['--max-examples', '10', '--seed', '1', '--request-timeout', '40'],
        ...['--suppress-health-check', 'all', '--generation-database', 'none', '--no-color'],
      ],
      { env: process.env, cwd: world.dir },
    )
    const code = await running.closed
    // Questions may be a megabyte long.
    const said = running
      .output()
      .split('\n')
      .map(line => line.slice(0, 200))
      .join('\n')
    if (!t.equal(code, 0, 'every answer was as the document says')) t.comment(said.slice(-6_000))
    t.match(said, /Tested: +\d\d/)
    t.match(await node.ask('/api/v1/status'), { ready: true }, 'and the node goes on')
    t.notMatch(node.output(), /a fault of ours|"level":60/)
  },
)
