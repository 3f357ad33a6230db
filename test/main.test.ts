import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { delimiter, join } from 'node:path'
import { text as readText } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { buildBundles } from '../scripts/build.ts'
import { listen } from './cli/support.ts'
import { startCollector } from './support/collector.ts'
import { watchWaiting } from './support/waited.ts'
import { start, until } from './system/support/process.ts'

interface Ended {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

async function run(file: string, argv: readonly string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await promisify(execFile)(file, argv)) }
  } catch (error) {
    const { code, stdout, stderr } = error as Ended
    return { code, stdout, stderr }
  }
}

/** Every Node on this machine that is too old to run Holdfast. */
async function oldNodes(): Promise<readonly string[]> {
  const places = new Set([
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/bin',
    '/usr/local/bin',
  ])
  const found: string[] = []
  for (const place of places) {
    const file = join(place, 'node')
    if (!isExecutable(file)) continue
    const { stdout } = await run(file, ['--version'])
    if (Number(/^v(\d+)/.exec(stdout)?.[1] ?? 99) < 24) found.push(file)
  }
  return found
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const saysWhatToDo =
  /^holdfast needs Node 24 or newer, and this is Node (\d+)\..*npm ci && npm start/s

t.test('the built program', async t => {
  const outdir = join(t.testdir({}), 'dist')
  await buildBundles(outdir)
  const main = join(outdir, 'main.js')

  t.test('runs on this Node', async t => {
    t.match(await run(process.execPath, [main, 'version']), { code: 0, stdout: /^holdfast \d/ })
    t.match(await run(process.execPath, [main, 'version', '-o', 'yaml']), {
      code: 0,
      stdout: /^holdfast: \d/,
    })
    t.match(await run(process.execPath, [main, 'nope']), { code: 2, stderr: /is no command/ })
  })

  t.test('packs a bundle for support', async t => {
    const answer = {
      node: 'galley',
      asOf: '2026-11-20T03:00:00Z',
      parts: [{ name: 'status.json', what: 'how it is', json: { ready: true } }],
    }
    const admin = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
    const address = `127.0.0.1:${await listen(t, admin)}`
    const dir = t.testdir({ token: 'sesame' })
    const file = join(dir, 'support.tar.gz')
    const access = ['--address', address, '--token-file', join(dir, 'token')]
    const words = ['support-bundle', '--output-file', file, ...access]
    const ended = await run(process.execPath, [main, ...words])
    t.match(ended, { code: 0, stdout: `${file}\n` }, ended.stderr)
    const tar = gunzipSync(readFileSync(file)).toString('latin1')
    t.match(tar, /MANIFEST\.txt\0.*galley\/status\.json: how it is/s)
    t.match(tar, /galley\/status\.json\0.*"ready": true/s)
  })

  t.test('serves in a process that was started with the flags that save memory', async t => {
    const tellFlags =
      'data:text/javascript,console.log(process.pid+JSON.stringify(process.execArgv))'
    const startsOf = async (command: string) => {
      const { stdout } = await run(process.execPath, [
        '--import',
        tellFlags,
        main,
        command,
        '--help',
      ])
      return [...stdout.matchAll(/^(\d+)(\[.*\])$/gm)].map(([, pid, flags = '']) => ({
        pid,
        flags: (JSON.parse(flags) as string[]).slice(2),
      }))
    }
    t.match(await startsOf('status'), [{ flags: [] }], 'other commands are not')
    const [before, after, ...others] = await startsOf('serve')
    t.same(before?.flags, [])
    t.ok(after?.flags.includes('--no-node-snapshot'))
    t.ok(after?.flags.includes('--max-semi-space-size=1'))
    t.equal(after?.pid, before?.pid, 'it is the same process')
    t.same(others, [])
  })

  t.test('ends soon after SIGTERM also where a collector takes spans and says nothing', async t => {
    const collector = await startCollector('hang')
    t.teardown(() => collector.close())
    const dir = t.testdir()
    const config = {
      dataDir: join(dir, 'data'),
      mirror: { listen: '127.0.0.1:0' },
      admin: { listen: '127.0.0.1:0' },
      health: { listen: '127.0.0.1:0' },
      mode: 'offline',
      store: { minFreeBytes: '1MiB' },
      tracing: { endpoint: collector.url },
    }
    const file = join(dir, 'holdfast.yaml')
    writeFileSync(file, JSON.stringify(config))
    const node = start(process.execPath, [main, 'serve', '--config', file, '-o', 'json'])
    t.teardown(() => node.stop('SIGKILL'))
    const mirror = await until('it is ready', () => /"mirror":"([^"]+)"/.exec(node.output())?.[1])
    const answer = await fetch(`http://${mirror}/v2/lab/app/manifests/1`, { method: 'HEAD' })
    t.equal(answer.status, 404)
    const waitedMs = watchWaiting()
    t.equal(await node.stop(), 0)
    t.ok(collector.requests() > 0, 'spans were on their way')
    t.ok(waitedMs() < 4_500, 'they are given up after five seconds')
  })

  t.test('ends as it would also when nobody reads what it says', async t => {
    for (const [argv, code] of [
      [['--help'], 0],
      [['nope'], 2],
    ] as const) {
      const child = spawn(process.execPath, [main, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
      child.stdout.destroy()
      child.stderr.destroy()
      t.strictSame(await once(child, 'exit'), [code, null], argv[0])
    }
  })

  t.test('watches no longer than somebody reads what it shows', async t => {
    const admin = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ items: [], tags: 0 }))
    })
    const address = `127.0.0.1:${await listen(t, admin)}`
    const token = join(t.testdir({ token: 'sesame' }), 'token')
    const words = ['keeps', '--watch=0.1', '--address', address, '--token-file', token]
    const child = spawn(process.execPath, [main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.teardown(() => child.kill('SIGKILL'))
    const said = readText(child.stderr)
    await once(child.stdout, 'data')
    child.stdout.destroy()
    t.strictSame(await once(child, 'exit'), [0, null])
    t.equal(await said, '')
  })

  t.test('says on an older Node what to do, and loads nothing else', async t => {
    const preload = join(
      t.testdir({
        'old.mjs': "Object.defineProperty(process.versions, 'node', { value: '18.20.4' })",
      }),
      'old.mjs',
    )
    const ended = await run(process.execPath, ['--import', preload, main, 'serve'])
    t.match(ended, { code: 70, stdout: '', stderr: saysWhatToDo })
    t.equal(saysWhatToDo.exec(ended.stderr)?.[1], '18')
    for (const node of await oldNodes()) {
      t.match(
        await run(node, [main, 'serve']),
        { code: 70, stdout: '', stderr: saysWhatToDo },
        node,
      )
    }
  })

  t.test('begins with a file that an old Node can parse and that needs no other', async t => {
    const text = readFileSync(main, 'utf8')
    t.ok(text.length < 10_000, 'nothing is in it but the check')
    t.match(text, /^#!\/usr\/bin\/env node\n/)
    t.notMatch(text, /^\s*import\s+[^(]/m, 'nothing is imported before the check')
    t.notMatch(text, /\?\?|\?\.|^await |#[a-z]+\b.*=/m)
  })
})
