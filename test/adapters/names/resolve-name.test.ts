import { unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  createNameResolver,
  type NameResolverOptions,
} from '../../../src/adapters/names/resolve-name.ts'
import { createLookupQueue } from '../../../src/adapters/names/system-lookup.ts'
import { createChangingFile } from '../../../src/adapters/registry/changing-file.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { type NameAnswer, startNameServer } from './support/name-server.ts'

const never = new AbortController().signal

interface Setting {
  readonly say?: (name: string, type: string) => NameAnswer
  readonly conf?: string
  readonly hosts?: string
  readonly systemLookup?: NameResolverOptions['systemLookup']
  /** Default ten seconds: the machine may be busy. */
  readonly tryMs?: number
}

async function setUp(
  t: Test,
  { say = () => 'nxdomain', conf = '', hosts, systemLookup, tryMs = 10_000 }: Setting,
) {
  const dir = t.testdir({})
  const server = await startNameServer(say)
  const paths = { hosts: join(dir, 'hosts'), conf: join(dir, 'resolv.conf') }
  const clock = { now: 0, wallMs: () => 0, monotonicMs: () => clock.now }
  const system: string[] = []
  await writeFile(paths.conf, `nameserver ${server.address}\n${conf}`)
  if (hosts !== undefined) await writeFile(paths.hosts, hosts)
  const names = createNameResolver(
    { clock, log: silentLog, watchFile: createChangingFile },
    {
      hostsPath: paths.hosts,
      resolvConfPath: paths.conf,
      tryMs,
      systemLookup:
        systemLookup ??
        (async name => {
          system.push(name)
          throw new Error('the system does not know it')
        }),
    },
  )
  t.teardown(async () => {
    await names.close()
    await server.close()
  })
  return { names, server, paths, clock, system }
}

t.test('an address needs no resolving', async t => {
  const { names, server } = await setUp(t, {})
  t.strictSame(await names.resolve('10.1.2.3', never), ['10.1.2.3'])
  t.strictSame(await names.resolve('[::1]', never), ['::1'], 'as URLs write it')
  t.strictSame(await names.resolve('localhost', never), ['127.0.0.1', '::1'])
  t.strictSame(server.asked, [])
})

t.test('the hosts file goes first and is read again when it changes', async t => {
  const { names, server, paths } = await setUp(t, { hosts: '10.0.0.9 registry.test\n' })
  t.strictSame(await names.resolve('Registry.test.', never), ['10.0.0.9'])
  await writeFile(paths.hosts, '10.0.0.10 registry.test # moved house\n')
  t.strictSame(await names.resolve('registry.test', never), ['10.0.0.10'])
  t.strictSame(server.asked, [])
})

t.test('both families are asked for and kept for their time to live', async t => {
  const { names, server, clock } = await setUp(t, { say: () => ['10.0.0.1', '2001:db8::1'] })
  const expected = ['10.0.0.1', '2001:db8::1']
  t.strictSame(await names.resolve('registry.test', never), expected)
  t.strictSame(server.asked.toSorted(), ['A registry.test', 'AAAA registry.test'])
  t.strictSame(await names.resolve('registry.test', never), expected)
  t.equal(server.asked.length, 2, 'from memory')
  clock.now = 30_001
  await names.resolve('registry.test', never)
  t.equal(server.asked.length, 4, 'asked anew after 30 s')
})

t.test('a family that stays silent does not hold up the other', async t => {
  const { names } = await setUp(t, {
    say: (_, type) => (type === 'A' ? ['10.0.0.1'] : 'silence'),
    tryMs: 300,
  })
  t.strictSame(await names.resolve('registry.test', never), ['10.0.0.1'])
})

t.test('the search list is followed', async t => {
  const { names, server } = await setUp(t, {
    say: name => (name === 'registry.b.test' ? ['10.0.0.2'] : 'nxdomain'),
    conf: 'search a.test b.test\noptions ndots:2\n',
  })
  t.strictSame(await names.resolve('registry', never), ['10.0.0.2'])
  const asked = server.asked.filter(question => question.startsWith('A '))
  t.strictSame(asked, ['A registry.a.test', 'A registry.b.test'])
})

t.test('a search domain whose servers fail does not hide the name itself', async t => {
  const { names, server } = await setUp(t, {
    say: name => (name === 'registry.test' ? ['10.0.0.2'] : 'servfail'),
    conf: 'search a.test b.test\noptions ndots:5\n',
  })
  t.strictSame(await names.resolve('registry.test', never), ['10.0.0.2'])
  t.notOk(server.asked.some(question => question.includes('b.test')))
})

t.test('a name nobody knows goes to the system, then fails as dns', async t => {
  const { names, system } = await setUp(t, {})
  await t.rejects(names.resolve('gone.test', never), { code: 'unreachable', reason: 'dns' })
  t.strictSame(system, ['gone.test'])
})

t.test('a name ending in .local goes to the system alone', async t => {
  const { names, server } = await setUp(t, { systemLookup: async () => ['10.0.0.7'] })
  t.strictSame(await names.resolve('printer.local', never), ['10.0.0.7'])
  t.strictSame(server.asked, [])
})

t.test('dead name servers fail in bounded time and do not reach the system', async t => {
  const { names, server, system } = await setUp(t, { say: () => 'silence', tryMs: 300 })
  await t.rejects(names.resolve('registry.test', never), { code: 'unreachable', reason: 'dns' })
  t.ok(server.asked.length > 0, 'the fault did fire')
  t.strictSame(system, [])
})

t.test('the last good address is used while the name servers are dead', async t => {
  let answer: NameAnswer = ['10.0.0.1']
  const { names, server, clock, paths } = await setUp(t, { say: () => answer, tryMs: 300 })
  const dead = await Promise.all([1, 2, 3, 4].map(() => startNameServer(() => 'silence')))
  t.teardown(() => Promise.all(dead.map(other => other.close())))
  const all = [server, ...dead].map(({ address }) => `nameserver ${address}\n`)
  await writeFile(paths.conf, all.join(''))
  await names.resolve('registry.test', never)
  answer = 'silence'
  clock.now = 100_000
  const asked = server.asked.length
  t.strictSame(await names.resolve('registry.test', never), ['10.0.0.1'])
  t.ok(server.asked.length > asked, 'the servers were asked')
  const others = dead.filter(other => other.asked.length > 0)
  t.ok(others.length < 3, `after one try of ten: ${others.length} others`)
  answer = ['10.0.0.2']
  let latest: readonly string[] = []
  while (!latest.includes('10.0.0.2')) {
    clock.now += 100_000
    latest = await names.resolve('registry.test', never)
  }
  t.strictSame(latest, ['10.0.0.2'], 'alive again')
})

t.test('a changed resolv.conf is used at once, also for a question under way', async t => {
  const { names, server, paths } = await setUp(t, { say: () => 'silence' })
  const living = await startNameServer(() => ['10.0.0.5'])
  t.teardown(() => living.close())
  const asked = server.nextQuestion()
  const waiting = names.resolve('registry.test', never)
  await asked
  await writeFile(paths.conf, `nameserver ${living.address}\n# another network\n`)
  t.strictSame(await names.resolve('other.test', never), ['10.0.0.5'])
  t.strictSame(await waiting, ['10.0.0.5'])
})

t.test('an address from another network is asked for anew', async t => {
  const { names, paths } = await setUp(t, { say: () => ['10.0.0.1'] })
  await names.resolve('registry.test', never)
  const other = await startNameServer(() => ['192.168.9.9'])
  t.teardown(() => other.close())
  await writeFile(paths.conf, `nameserver ${other.address}\n# another network\n`)
  t.strictSame(await names.resolve('registry.test', never), ['192.168.9.9'])
})

t.test('a resolver without files asks nobody but the local server', async t => {
  const { names, paths } = await setUp(t, {})
  await unlink(paths.conf)
  await t.rejects(names.resolve('registry.test', never), { code: 'unreachable', reason: 'dns' })
})

t.test('an aborted question rejects with the reason, and the answer is kept', async t => {
  const { names, server } = await setUp(t, { say: () => ['10.0.0.1'] })
  const controller = new AbortController()
  const asked = server.nextQuestion()
  const question = names.resolve('registry.test', controller.signal)
  controller.abort(new Error('gone'))
  await t.rejects(question, { message: 'gone' })
  await asked
  t.strictSame(await names.resolve('registry.test', never), ['10.0.0.1'])
})

t.test('the system is asked for one name at a time', async t => {
  const started: string[] = []
  const ends = new Map<string, () => void>()
  const inTurn = createLookupQueue(name => {
    started.push(name)
    const { promise, resolve } = Promise.withResolvers<readonly string[]>()
    ends.set(name, () => resolve([name]))
    return promise
  })
  const leaver = new AbortController()
  const first = inTurn('one', never)
  const second = inTurn('two', leaver.signal)
  const third = inTurn('three', never)
  await new Promise(setImmediate)
  t.strictSame(started, ['one'])
  leaver.abort(new Error('left'))
  ends.get('one')?.()
  t.strictSame(await first, ['one'])
  await t.rejects(second, { message: 'left' })
  await new Promise(setImmediate)
  t.strictSame(started, ['one', 'three'])
  ends.get('three')?.()
  t.strictSame(await third, ['three'])
})
