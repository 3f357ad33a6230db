import { join } from 'node:path'
import t from 'tap'
import { cli, scriptAdmin } from './support.ts'

t.test('help and version are answers, nothing at all is a mistake', async t => {
  t.match(await cli(['--help']), { code: 0, out: /^holdfast: offline-first/, err: '' })
  t.match(await cli(['why', '-h']), { code: 0, out: /^Usage: holdfast why REF/ })
  for (const argv of [
    ['mesh', '--help'],
    ['mesh', '-h'],
    ['help', 'mesh'],
  ]) {
    t.match(await cli(argv), { code: 0, out: /^Usage: holdfast mesh COMMAND.*mesh secret +make/s })
  }
  t.match(await cli(['mesh']), { code: 2, err: /wants one word more: holdfast mesh status/ })
  t.match(await cli(['--version']), { code: 0, out: /^holdfast \d+\.\d+\.\d+ \(Node \d+/ })
  t.match(await cli([]), { code: 2, out: '', err: /^holdfast: offline-first/ })
})

t.test('a wrong command line ends with 2 and says what is wrong', async t => {
  t.match(await cli(['nope']), { code: 2, out: '', err: /^holdfast: "nope" is no command/ })
  t.match(await cli(['resolve']), {
    code: 2,
    err: /something is missing; usage: holdfast resolve REF/,
  })
  t.match(await cli(['tags', 'a', 'b']), { code: 2, err: /"b" is one word too many/ })
  t.match(await cli(['tags', '-o', 'xml']), { code: 2, err: /--output is text, json or yaml/ })
  t.match(await cli(['resolve', 'NGINX']), { code: 2, err: /no repository name: "NGINX"/ })
})

t.test('a wrong configuration ends with 3 and lists every fault', async t => {
  const ran = await cli(['resolve', 'nginx', '--mode', 'x'], { env: { HOLDFAST_NOPE: '1' } })
  t.match(ran, {
    code: 3,
    err: /the configuration has 2 faults:\n {2}HOLDFAST_NOPE: .*\n.*\n {2}--mode: /,
  })
})

t.test('the file is named by --config, or else by HOLDFAST_CONFIG', async t => {
  const directory = t.testdir({ 'a.yaml': 'mode: offline', 'b.yaml': 'mode: online' })
  const env = { HOLDFAST_CONFIG: join(directory, 'a.yaml'), HOLDFAST_DATA_DIR: directory }
  const modeOf = async (argv: string[]) => {
    const { out } = await cli(['check-config', '--show', '-o', 'json', ...argv], { env })
    return JSON.parse(out).config.mode
  }
  t.equal(await modeOf([]), 'offline')
  t.equal(await modeOf(['--config', join(directory, 'b.yaml')]), 'online')
})

t.test('a result is a document where one is asked for', async t => {
  const admin = await scriptAdmin(t, () => [200, { items: [], next: null }])
  const { env } = admin
  const json = '{\n  "node": "bridge",\n  "asOf": "2026-11-20T03:00:00.000Z",\n  "items": []\n}\n'
  t.match(await cli(['tags', '-o', 'json'], { env }), { code: 0, out: json })
  t.match(await cli(['tags', '--output', 'yaml'], { env }), {
    code: 0,
    out: 'node: bridge\nasOf: 2026-11-20T03:00:00.000Z\nitems: []\n',
  })
  t.match(await cli(['tags', '--output', 'text'], { env }), { code: 0, out: /no tags/ })
})

t.test('an error that nobody foresaw is not swallowed', async t => {
  const admin = await scriptAdmin(t, () => [200, { node: 'a', level: 'info', configured: 'info' }])
  const env = { ...admin.env }
  const terminal = {
    out: () => {
      throw new TypeError('broken pipe')
    },
    err: () => undefined,
    isTerminal: false,
  }
  const { runCli } = await import('../../src/cli/run.ts')
  const parts = {
    loadDaemon: () => Promise.reject(new Error('none')),
    loadKeyFiles: () => Promise.reject(new Error('none')),
    loadEarlierBundle: () => Promise.reject(new Error('none')),
    loadSupport: () => Promise.reject(new Error('none')),
    loadContainerdSetup: () => Promise.reject(new Error('none')),
    loadUninstall: () => Promise.reject(new Error('none')),
    loadNodeWork: () => Promise.reject(new Error('none')),
  }
  await t.rejects(runCli(['log-level'], parts, { env, terminal }), TypeError)
})
