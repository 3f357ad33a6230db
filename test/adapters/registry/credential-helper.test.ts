import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createAskHelper } from '../../../src/adapters/registry/credential-helper.ts'
import { keepLog } from './support/transport.ts'

/** A helper made of a shell script that also notes each of its runs. */
async function setUp(t: Test, script: string, deadlineMs = 20_000) {
  const dir = t.testdir({
    'docker-credential-test': `#!/bin/sh\nread -r server\necho "$1 $server" >> "$(dirname "$0")/runs"\n${script}\n`,
    runs: '',
  })
  await chmod(join(dir, 'docker-credential-test'), 0o755)
  const clock = { now: 0, wallMs: () => 0, monotonicMs: () => clock.now }
  const { log, lines } = keepLog()
  const path = `${dir}:${process.env['PATH'] ?? ''}`
  const askHelper = createAskHelper({ clock, log }, { deadlineMs, path })
  const runs = async () => (await readFile(join(dir, 'runs'), 'utf8')).split('\n').filter(Boolean)
  return { askHelper, clock, lines, runs }
}

t.test('a helper is asked for a server, and its answer kept for a minute', async t => {
  const { askHelper, clock, runs } = await setUp(
    t,
    `echo '{"ServerURL":"x","Username":"u","Secret":"s3cret"}'; echo s3cret >&2`,
  )
  const expected = { kind: 'basic', username: 'u', password: 's3cret' }
  const both = await Promise.all([
    askHelper('test', 'https://registry.test'),
    askHelper('test', 'https://registry.test'),
  ])
  t.strictSame(both, [expected, expected])
  t.strictSame(await runs(), ['get https://registry.test'], 'one run for both')
  clock.now = 61_000
  await askHelper('test', 'https://registry.test')
  t.equal((await runs()).length, 2)
})

t.test('the user <token> marks a refresh token', async t => {
  const { askHelper } = await setUp(t, `echo '{"Username":"<token>","Secret":"refresh"}'`)
  t.strictSame(await askHelper('test', 'r.test'), {
    kind: 'identity',
    token: 'refresh',
    username: '<token>',
  })
})

t.test('a helper that holds nothing for the server is no failure', async t => {
  const { askHelper, lines } = await setUp(
    t,
    'echo "credentials not found in native keychain"; exit 1',
  )
  t.equal(await askHelper('test', 'r.test'), undefined)
  t.strictSame(lines, [])
})

const failures: Readonly<Record<string, { script: string; reason: RegExp }>> = {
  fails: { script: 'echo s3cret; echo s3cret >&2; exit 3', reason: /ended with 3/ },
  'answers nonsense': { script: 'echo s3cret', reason: /not a JSON object/ },
  'answers with a list': { script: `echo '"s3cret"'`, reason: /not a JSON object/ },
  'leaves fields out': { script: `echo '{"Secret":"s3cret"}'`, reason: /no Username and Secret/ },
  'never ends': { script: 'echo s3cret; exec sleep 60', reason: /no answer within 1500 ms/ },
  'leaves a child behind': { script: 'sleep 60 & echo s3cret; wait', reason: /no answer within/ },
  'answers without end': {
    script: 'while :; do echo s3crets3crets3crets3crets3cret; done',
    reason: /too long|no answer within/,
  },
}

// Some wait for time to pass, beside each other.
t.jobs = 3

for (const [what, { script, reason }] of Object.entries(failures)) {
  const title = `a helper that ${what} counts as none, is told of and left alone a while`
  t.test(title, { buffered: true }, async t => {
    // Time for a busy machine to start it; the others end by themselves.
    const deadlineMs = /no answer/.test(reason.source) ? 1_500 : 20_000
    const { askHelper, clock, lines, runs } = await setUp(t, script, deadlineMs)
    const before = performance.now()
    t.equal(await askHelper('test', 'r.test'), undefined)
    t.ok(performance.now() - before < 15_000)
    t.match(lines.join(), reason)
    t.notMatch(lines.join(), /s3cret/)
    await askHelper('test', 'r.test')
    t.equal((await runs()).length, 1)
    clock.now = 11_000
    await askHelper('test', 'r.test')
    t.equal((await runs()).length, 2)
  })
}

t.test('a helper that is not there counts as none', async t => {
  const { askHelper, lines } = await setUp(t, 'exit 0')
  t.equal(await askHelper('absent', 'r.test'), undefined)
  t.match(lines.join(), /cannot be started \(ENOENT\)/)
})
