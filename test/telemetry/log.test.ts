import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { createLog } from '../../src/telemetry/log.ts'
import { prettyLine } from '../../src/telemetry/pretty-line.ts'

function keep(): { readonly lines: string[]; write(line: string): void } {
  const lines: string[] = []
  return { lines, write: line => void lines.push(line) }
}

t.test('a line is one JSON object with level, time, message and fields', async t => {
  const out = keep()
  const log = createLog({ level: 'info', format: 'json', destination: out })
  log.info({ ref: 'docker.io/library/nginx:latest', durationMs: 1.5 }, 'tag resolved')
  const { time, ...line } = JSON.parse(out.lines[0] ?? '')
  t.type(time, 'number')
  t.same(line, {
    level: 30,
    ref: 'docker.io/library/nginx:latest',
    durationMs: 1.5,
    msg: 'tag resolved',
  })
  t.match(out.lines[0], /\n$/)
})

t.test('an error is told with its own name, code and cause', async t => {
  const out = keep()
  const log = createLog({ level: 'info', format: 'json', destination: out })
  const cause = new RangeError('too far')
  log.warn({ err: Object.assign(new TypeError('no', { cause }), { code: 'E' }) }, 'failed')
  const { err } = JSON.parse(out.lines[0] ?? '')
  t.match(err, { type: 'TypeError', message: 'no', code: 'E', stack: /^TypeError: no\n/ })
  t.match(err.cause, { type: 'RangeError', message: 'too far' })
})

t.test('lines below the level are not written, and the level can be changed', async t => {
  const out = keep()
  const log = createLog({ level: 'warn', format: 'json', destination: out })
  log.debug({}, 'a')
  log.info({}, 'b')
  log.warn({}, 'c')
  log.error({}, 'd')
  t.equal(log.level(), 'warn')
  log.setLevel('debug')
  log.debug({}, 'e')
  t.same(
    out.lines.map(line => JSON.parse(line).msg),
    ['c', 'd', 'e'],
  )
})

t.test('no credential gets into a line, by its fields or its message', async t => {
  for (const format of ['json', 'pretty'] as const) {
    const out = keep()
    const log = createLog({ level: 'debug', format, destination: out, colours: false })
    log.warn(
      { err: new Error('https://u:S3cret@x/'), headers: { authorization: 'S3cret' } },
      'asked https://u:S3cret@reg.lab',
    )
    t.notMatch(out.lines.join(''), /S3cret/)
    t.match(out.lines.join(''), /\*\*\*@reg\.lab/)
  }
})

t.test('the pretty form is one line for people, with stacks below', async t => {
  const line = JSON.stringify({
    level: 40,
    time: Date.parse('2026-11-21T02:03:04.005Z'),
    ref: 'nginx:latest',
    reason: 'two words',
    list: [1],
    err: {
      type: 'TypeError',
      message: 'no',
      stack: 'TypeError: no\n at x',
      code: 'E',
      cause: { message: 'why' },
    },
    msg: 'it went wrong',
  })
  t.equal(
    prettyLine(line, { colours: false }),
    [
      '02:03:04.005 WARN  it went wrong ref=nginx:latest reason="two words" list=[1]',
      '    TypeError: no',
      '     at x [E]',
      '  caused by:',
      '    Error: why',
      '',
    ].join('\n'),
  )
  t.ok(prettyLine(line, { colours: true }).includes('\u001b[33mWARN'))
  t.equal(prettyLine('no json\n', { colours: false }), 'no json\n')
})

t.test('what was logged just before the process ends is not lost', async t => {
  const module = new URL('../../src/telemetry/log.ts', import.meta.url).href
  const script = `
    const { createLog } = await import(${JSON.stringify(module)})
    const log = createLog({ level: 'info', format: 'json' })
    for (let i = 0; i < 1000; i++) log.info({ i }, 'line')
    process.exit()
  `
  const { stderr } = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    script,
  ])
  t.equal(stderr.trim().split('\n').length, 1000)
})
