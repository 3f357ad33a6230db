import { chmod, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { cli } from '../support.ts'

t.test('a good configuration is good, and starts nothing', async t => {
  t.strictSame(await cli(['check-config', '--data-dir', t.testdir({})]), {
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
  const { checkFiles, startDaemon } = await import('../../../src/daemon.ts')
  const parts = { loadDaemon: async () => ({ checkFiles, startDaemon }) }
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

t.test('what the file of cluster keys holds is judged by the reader of the node', async t => {
  const { checkFiles, startDaemon } = await import('../../../src/daemon.ts')
  const parts = { loadDaemon: async () => ({ checkFiles, startDaemon }) }
  const dir = t.testdir({
    good: 'pgnhhrVWQxRIYSBNREL4ZfgKkYDn9Nx3cINTbJ-Tqzk',
    empty: '\n',
    short: 'secret',
    'is-a-dir': {},
  })
  const check = (name: string, ...more: readonly string[]) =>
    cli(['check-config', '--mesh.enabled', '--mesh.secret-file', join(dir, name), ...more], {
      parts,
    })
  await chmod(join(dir, 'good'), 0o640)
  t.match(await check('good'), { code: 0, out: /is good\nwarning: .*good has mode 0640: .*0600/ })
  t.match(JSON.parse((await check('good', '-o', 'json')).out), { warnings: [/mode 0640/] })
  await chmod(join(dir, 'good'), 0o600)
  t.strictSame(await check('good'), { code: 0, out: 'the configuration is good\n', err: '' })
  t.match(await check('empty'), { code: 3, out: /empty holds no cluster key/ })
  t.match(await check('short'), { code: 3, out: /short line 1 is no cluster key/ })
  t.match(await check('gone'), { code: 3, out: /gone is not there/ })
  t.match(await check('is-a-dir'), { code: 3, out: /is-a-dir cannot be read \(EISDIR\)/ })
})

t.test('what the files of tokens hold is judged by the reader of the node', async t => {
  const { checkFiles, startDaemon } = await import('../../../src/daemon.ts')
  const parts = { loadDaemon: async () => ({ checkFiles, startDaemon }) }
  const dir = t.testdir({
    good: 'uOa0T9IgRa7XqJqVw0X1Xw read mate\n',
    short: '# mate\nbad\n',
    odd: 'uOa0T9IgRa7XqJqVw0X1Xw raed mate\n',
  })
  const check = (admin: string, mirror: string) => {
    const files = ['--admin.token-file', join(dir, admin), '--mirror.token-file', join(dir, mirror)]
    return cli(['check-config', ...files], { parts })
  }
  const good = { code: 0, out: 'the configuration is good\n', err: '' }
  t.strictSame(await check('good', 'good'), good)
  t.strictSame(await check('made-at-the-start', 'good'), good)
  t.match(await check('short', 'odd'), {
    code: 3,
    out: /2 faults:\n.*admin\.tokenFile .*short line 2 has a token of 3 .*\n.*mirror\.tokenFile .*odd line 1 has neither/,
  })
})

t.test('a drop folder that a start would refuse is a fault', async t => {
  const { checkFiles, startDaemon } = await import('../../../src/daemon.ts')
  const parts = { loadDaemon: async () => ({ checkFiles, startDaemon }) }
  const dir = t.testdir({ k3s: { agent: { images: {} } }, drop: {} })
  await symlink(join(dir, 'k3s/agent/images'), join(dir, 'link'))
  const check = (path: string) => cli(['check-config', '--drop-folder.path', path], { parts })
  t.match(await check(join(dir, 'drop')), { code: 0, out: /is good/ })
  for (const name of ['k3s/agent/images', 'absent/agent/images', 'link']) {
    t.match(await check(join(dir, name)), {
      code: 3,
      out: /dropFolder\.path: K3s imports .*name another folder/,
    })
  }
})

t.test('seeds that are no addresses are faults, each where it stands', async t => {
  const seeds = JSON.stringify(['10.0.0.11:99999', 'http://x:1', '::1:5053', '10.0.0.12:5053'])
  const { code, out } = await cli(['check-config', '--mesh.seeds', seeds])
  t.equal(code, 3)
  t.match(out, /has 3 faults/)
  t.match(out, /mesh\.seeds\[2\]: "::1:5053" is no address of a node\n +write .*\[fd00::1\]:5053/)
})

t.test('--show prints what results, without secrets', async t => {
  const upstreams = {
    'quay.io': { auth: { username: 'bob', password: 'hunter2' }, proxy: 'http://u:hunter2@p:3128' },
  }
  const dataDir = ['--data-dir', t.testdir({})]
  const argv = ['check-config', '--show', ...dataDir, '--upstreams', JSON.stringify(upstreams)]
  for (const form of ['text', 'json']) {
    const { code, out } = await cli([...argv, '-o', form])
    t.equal(code, 0)
    t.match(out, /bob/)
    t.notMatch(out, /hunter2/)
  }
})
