import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { commands } from '../../src/cli/commands.ts'
import { type ExitCode, exitCodes } from '../../src/cli/exit-codes.ts'
import { cli, scriptAdmin } from './support.ts'

const digest = `sha256:${'c'.repeat(64)}`
const dir = await mkdtemp(join(tmpdir(), 'holdfast-codes-'))
t.teardown(() => import('node:fs/promises').then(fs => fs.rm(dir, { recursive: true })))
const file = join(dir, 'some-file')
const nothing = { pins: [], keeps: [], blocks: [], bans: [] }
const backup = { holdfastBackup: 1, node: 'a', at: '2026-11-20T03:00:00.000Z', ...nothing }
await writeFile(file, JSON.stringify(backup))

/** What stands after the name of each command that asks a node, so that it does ask. */
const wordsOf: Readonly<Record<string, readonly string[]>> = {
  resolve: ['nginx'],
  why: ['nginx'],
  tags: [],
  explain: ['nginx'],
  refresh: ['nginx'],
  forget: ['nginx'],
  report: [],
  status: [],
  store: [],
  gc: [],
  scrub: [],
  mode: ['offline'],
  'log-level': ['debug'],
  config: [],
  'support-bundle': ['--output-file', join(dir, 'none.tar.gz')],
  audit: [],
  pin: ['nginx'],
  rollback: ['nginx'],
  unpin: ['nginx'],
  pins: [],
  keep: ['nginx'],
  unkeep: ['nginx'],
  keeps: [],
  schedule: ['night', 'nginx', '--every', '0 3 * * *'],
  schedules: [],
  unschedule: ['night'],
  warm: ['nginx'],
  jobs: [],
  cancel: ['j1'],
  ban: ['a'.repeat(64)],
  unban: ['a'.repeat(64)],
  bans: [],
  block: [digest],
  unblock: [digest],
  blocks: [],
  backup: [],
  restore: [file],
  import: [file],
  export: ['nginx', '--force', '-o', join(dir, 'none.tar.zst')],
  peers: [],
  'mesh status': [],
}
const asking = commands.filter(({ asks }) => asks)

/** What a node may answer to anything, and what every command makes of it. */
const answers: readonly (readonly [status: number, body: unknown, code: ExitCode])[] = [
  [200, 'no document', 'failed'],
  [400, { detail: 'no such parameter' }, 'usage'],
  [401, { detail: 'no such token' }, 'denied'],
  [403, { detail: 'it may read alone' }, 'denied'],
  [404, { detail: 'there is none' }, 'noAnswer'],
  [404, 'not found', 'failed'],
  [409, { detail: 'it stands in the way' }, 'refused'],
  [412, { detail: 'it has changed' }, 'refused'],
  [422, { detail: 'refused (tar): this is no tar' }, 'refused'],
  [429, { detail: 'too many guesses' }, 'denied'],
  [500, { detail: 'a fault of ours' }, 'failed'],
]

t.test('each command that asks a node ends with the same code for the same answer', async t => {
  t.strictSame(Object.keys(wordsOf).sort(), asking.map(({ name }) => name).sort())
  for (const [status, body, code] of answers) {
    const { env, asked } = await scriptAdmin(t, () => [status, body])
    for (const { name, exitCodes: documented } of asking) {
      const before = asked.length
      const got = await cli([...name.split(' '), ...(wordsOf[name] ?? [])], { env })
      const what = `${name}: ${status} ${JSON.stringify(body)}`
      // An export is bytes, whatever they are.
      if (name === 'export' && status === 200) continue
      t.equal(got.code, exitCodes[code].code, what)
      t.match(got.err, /^holdfast: /, what)
      t.ok(asked.length > before, what)
      t.ok(documented.includes(code), `${what} is told by --help`)
    }
  }
})

t.test('where nobody listens, or no token is at hand, every command says so alike', async t => {
  const { address, env } = await scriptAdmin(t, () => [200, {}])
  const { HOLDFAST_ADMIN_TOKEN: _, ...tokenless } = env
  const none = { ...env, HOLDFAST_ADDRESS: '127.0.0.1:1' }
  t.ok(address)
  for (const { name, exitCodes: documented } of asking) {
    const line = [...name.split(' '), ...(wordsOf[name] ?? [])]
    t.equal((await cli(line, { env: none })).code, exitCodes.unreachable.code, name)
    t.ok(documented.includes('unreachable'), name)
    const data = { ...tokenless, HOLDFAST_DATA_DIR: dir }
    t.equal((await cli(line, { env: data })).code, exitCodes.denied.code, name)
    t.ok(documented.includes('denied'), name)
  }
})

t.test(
  'a wrong command line, and a wrong configuration, are told apart by every command',
  async t => {
    for (const { name, exitCodes: documented } of commands) {
      const line = name.split(' ')
      const wrong = await cli([...line, '--nope'])
      t.equal(wrong.code, exitCodes.usage.code, name)
      t.ok(documented.includes('usage'), name)
      const more = await cli([...line, ...Array.from({ length: 9 }, () => 'a b')])
      t.ok([0, ...documented.map(code => exitCodes[code].code)].includes(more.code), name)
      if (!documented.includes('configInvalid') || name === 'mesh secret') continue
      const words = wordsOf[name] ?? []
      const got = await cli([...line, ...words, '--config', join(dir, 'no-such.yaml')])
      t.equal(got.code, exitCodes.configInvalid.code, name)
    }
  },
)

t.test(
  'to take away what is not there ends with 1, and says which command lists what is',
  async t => {
    const id = 'a'.repeat(64)
    const rest = { changed: false, storedOn: { nodes: 1, members: 1 } }
    const reference = 'docker.io/library/nginx:latest'
    const kept = { pattern: reference, configured: false, tags: 0 }
    const never = { reference, standing: 'none', complete: true, fetching: false }
    const here = { mode: 'auto', decidedBy: 'configuration' }
    for (const [words, answer, says] of [
      [['unpin', 'nginx'], never, /nginx:latest is not pinned; `holdfast pins`/],
      [['unkeep', 'nginx'], kept, /nginx:latest is kept; `holdfast keeps`/],
      [['unkeep', 'nginx'], { ...kept, configured: true }, /keep\.patterns of this node has it/],
      [['unban', id], { key: id }, /no ban of a+; `holdfast bans`/],
      [['unblock', digest], { key: digest }, /no block of sha256:c+; `holdfast blocks`/],
      [['unschedule', 'night'], { name: 'night' }, /"night"; `holdfast schedules`/],
      [['mode', 'configured', '--cluster'], { node: 'a', here }, /no mode is set for all nodes/],
    ] as const) {
      const { env } = await scriptAdmin(t, () => [200, { ...answer, ...rest }])
      t.match(await cli([...words], { env }), { code: 1, out: '', err: says }, words.join(' '))
      const was = await scriptAdmin(t, () => [200, { ...answer, ...rest, changed: true }])
      t.match(await cli([...words], { env: was.env }), { code: 0 }, words.join(' '))
    }
  },
)
