import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createNameResolver } from '../../src/adapters/names/resolve-name.ts'
import { createChangingFile } from '../../src/adapters/registry/changing-file.ts'
import { parsePlace } from '../../src/config/listen.ts'
import { createNameSeeds } from '../../src/mesh/name-seeds.ts'
import { systemClock } from '../../src/ports/clock.ts'
import { silentLog } from '../../src/ports/log.ts'
import { type NameAnswer, startNameServer } from '../adapters/names/support/name-server.ts'

const never = new AbortController().signal

/** Seeds by way of the real resolver and a real name server. */
async function setUp(
  t: Test,
  say: (name: string, type: string) => NameAnswer,
  { name, hosts }: { name: 'static' | 'dns'; hosts: readonly string[] },
) {
  const server = await startNameServer(say)
  const conf = join(t.testdir({}), 'resolv.conf')
  await writeFile(conf, `nameserver ${server.address}\n`)
  const names = createNameResolver(
    { clock: systemClock, log: silentLog, watchFile: createChangingFile },
    {
      hostsPath: '/nonexistent',
      resolvConfPath: conf,
      systemLookup: () => Promise.reject(new Error('the system does not know it')),
    },
  )
  t.teardown(async () => {
    await names.close()
    await server.close()
  })
  const places = hosts.flatMap(text => parsePlace(text) ?? [])
  const seeds = createNameSeeds(
    { resolve: names.resolve, random: Math.random },
    { name, hosts: places, port: 5053 },
  )
  return { seeds, server }
}

t.test(
  'a headless name leads to all families of its addresses, on the port of the mesh',
  async t => {
    const { seeds } = await setUp(
      t,
      name => (name === 'mesh.test' ? ['10.42.0.1', '10.42.0.2', 'fd00::1'] : 'nxdomain'),
      { name: 'dns', hosts: ['mesh.test', 'mesh.test:6000'] },
    )
    t.strictSame([...(await seeds.find(never))].sort(), [
      '10.42.0.1:5053',
      '10.42.0.1:6000',
      '10.42.0.2:5053',
      '10.42.0.2:6000',
      '[fd00::1]:5053',
      '[fd00::1]:6000',
    ])
  },
)

t.test('of many addresses some at random are taken', async t => {
  const many = Array.from({ length: 20 }, (_, i) => `10.42.0.${i + 1}`)
  const { seeds } = await setUp(t, () => many, { name: 'dns', hosts: ['mesh.test'] })
  const found = await seeds.find(never)
  t.equal(found.length, 8)
  t.ok(found.every(address => many.includes(address.replace(':5053', ''))))
})

t.test('addresses need no name server, and a dead name hides no other seed', async t => {
  const { seeds } = await setUp(t, name => (name === 'dead.test' ? 'silence' : 'nxdomain'), {
    name: 'static',
    hosts: ['dead.test:5053', '10.0.0.1:5053', '[fd00::1]:6000', 'gone.test:1'],
  })
  t.strictSame(await seeds.find(never), ['10.0.0.1:5053', '[fd00::1]:6000'])
  t.strictSame(seeds.unresolved?.(), ['dead.test:5053', 'gone.test:1'])
})

t.test('when nothing can be resolved it is said so', async t => {
  const { seeds } = await setUp(t, () => 'nxdomain', {
    name: 'static',
    hosts: ['gone.test:5053'],
  })
  await t.rejects(seeds.find(never), { message: 'no address for gone.test' })
})

t.test('without names there is nothing to ask', async t => {
  const { seeds } = await setUp(t, () => 'nxdomain', { name: 'dns', hosts: [] })
  t.strictSame(await seeds.find(never), [])
})
