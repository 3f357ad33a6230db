import { join } from 'node:path'
import t from 'tap'
import { cli } from '../support.ts'

t.test('a good configuration is good, and starts nothing', async t => {
  t.strictSame(await cli(['check-config']), {
    code: 0,
    out: 'the configuration is good\n',
    err: '',
  })
})

t.test('every fault is listed, for people and for programs', async t => {
  const argv = ['check-config', '--mode', 'x', '--mirror.listen', 'y']
  t.match(await cli(argv), {
    code: 3,
    out: /the configuration has 2 faults:\n {2}--mode: .*\n {2}--mirror.listen: /,
  })
  const { code, out } = await cli([...argv, '-o', 'json'])
  t.equal(code, 3)
  t.match(JSON.parse(out), {
    valid: false,
    faults: [
      {
        path: 'mode',
        origin: { kind: 'flag', name: '--mode' },
        problem: /must be auto/,
        text: /^--mode: mode/,
      },
      { path: 'mirror.listen', cure: /write host:port/ },
    ],
  })
})

t.test('files that are named and not there are faults', async t => {
  const ran = await cli(['check-config', '--mirror.token-file', join(t.testdir({}), 'gone')])
  t.match(ran, {
    code: 3,
    out: /--mirror.token-file: mirror.tokenFile: ".*gone" cannot be read: there is no such file/,
  })
})

t.test('a fault does not hide that a file is missing', async t => {
  const token = join(t.testdir({}), 'gone')
  const ran = await cli(['check-config', '--mode', 'x', '--mirror.token-file', token])
  t.match(ran, { code: 3, out: /--mode: .*\n.*gone" cannot be read: there is no such file/ })
})

t.test('what the files of upstreamFiles say is judged by the reader of the node', async t => {
  const { checkUpstreamFiles, startDaemon } = await import('../../../src/daemon.ts')
  const parts = { loadDaemon: async () => ({ checkUpstreamFiles, startDaemon }) }
  const dir = t.testdir({
    'good.yaml': 'mirrors: { quay.io: {} }\n',
    'bad.yaml': 'mirrors: { quay.io: { endpoint: "x" } }\n',
    'worse.json': '{"auths": 7}',
  })
  const check = (...files: readonly string[]) => {
    const paths = JSON.stringify(files.map(file => join(dir, file)))
    return cli(['check-config', '--upstream-files', paths], { parts })
  }
  t.match(await check('good.yaml'), { code: 0, out: /is good/ })
  t.match(await check('bad.yaml', 'good.yaml', 'worse.json'), {
    code: 3,
    out: /has 2 faults:\n {2}.*bad.yaml: .*endpoint.*\n {2}.*worse.json: .*auths/s,
  })
})

t.test('--show prints what results, without secrets', async t => {
  const upstreams = {
    'quay.io': { auth: { username: 'bob', password: 'hunter2' }, proxy: 'http://u:hunter2@p:3128' },
  }
  const argv = ['check-config', '--show', '--upstreams', JSON.stringify(upstreams)]
  for (const form of ['text', 'json']) {
    const { code, out } = await cli([...argv, '-o', form])
    t.equal(code, 0)
    t.match(out, /bob/)
    t.notMatch(out, /hunter2/)
  }
})
