import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { cli } from '../support.ts'

/** A configuration with two registries, for a containerd whose files lie in a folder of the test. */
function scene(t: Test, configPath = 'certs.d', registries?: string) {
  const root = t.testdir({ 'certs.d': {}, ...(registries && { 'registries.yaml': registries }) })
  const certsDir = join(root, 'certs.d')
  const registriesFile = registries && join(root, 'registries.yaml')
  const containerd = { configFile: join(root, 'config.toml'), certsDir, registriesFile }
  writeFileSync(
    containerd.configFile,
    `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "${join(root, configPath)}"\n`,
  )
  const config = join(root, 'holdfast.yaml')
  const upstreams = { 'docker.io': {}, 'registry.lab': { url: 'http://10.0.0.9' } }
  writeFileSync(config, JSON.stringify({ upstreams, containerd }))
  const run = (...args: string[]) => cli(['containerd', ...args, '--config', config])
  const hosts = (name: string) => readFileSync(join(certsDir, name, 'hosts.toml'), 'utf8')
  return { root, certsDir, run, hosts }
}

t.test('install, status and uninstall tell what they did', async t => {
  const { run, hosts, certsDir } = scene(t)
  t.match(await run('install', '--fallback', 'upstream'), {
    code: 0,
    err: '',
    out: `written  ${join(certsDir, 'docker.io/hosts.toml')}\nwritten  ${join(certsDir, 'registry.lab/hosts.toml')}\n`,
  })
  t.match(hosts('docker.io'), 'server = "https://registry-1.docker.io"')
  t.match(hosts('registry.lab'), 'server = "http://10.0.0.9"')
  t.match(await run('status'), {
    out: /docker\.io +installed +upstream +http:\/\/127\.0\.0\.1:5050, then https:\/\/registry-1\.docker\.io\n/,
  })
  const { out } = await run('uninstall', '-o', 'json')
  t.match(JSON.parse(out), { certsDir, items: [{ registry: 'docker.io', outcome: 'removed' }, {}] })
  t.match(await run('status'), { out: /docker\.io +none +the registry itself\n/ })
  t.match(await run('uninstall'), { code: 0, out: /nothing was installed/ })
})

t.test('the fallback is that of the configuration, and auto says what it is', async t => {
  const { run, hosts, certsDir } = scene(t)
  t.match(await run('install'), { code: 0, out: /auto: nobody stands behind the mirror until/ })
  t.match(hosts('docker.io'), 'server = "http://127.0.0.1:5050"')
  t.match(await run('status'), { out: /docker\.io +installed +auto: none now +http:\S+\n/ })
  const now = await run('check', '--skip-pull', '--mirror.listen', '127.0.0.1:1')
  t.match(now.out, /ok +docker\.io is asked of http:\S+ \(auto: none now\)\n/)
  const why = join(certsDir, '.holdfast/why-alone')
  writeFileSync(why, 'mount: must be superuser\n')
  t.match(await run('status'), { out: /\nauto is none here: mount: must be superuser\n$/ })
  const check = await run('check', '--skip-pull', '--mirror.listen', '127.0.0.1:1')
  t.match(check.out, /warning +docker\.io: auto is none here: mount: .*\n +→ .*--fallback none/)
  await run('install', '--containerd.fallback', 'upstream')
  t.match(hosts('docker.io'), 'server = "https://registry-1.docker.io"')
})

t.test('what auto would put behind the mirror is taken away', async t => {
  const { run, certsDir } = scene(t)
  await run('install')
  const files = ['docker.io', 'registry.lab'].map(name => join(certsDir, name, 'hosts.toml'))
  const out = files.map(file => `alone  ${file}\n`).join('')
  t.match(await run('alone'), { code: 0, err: '', out })
  t.match(await run('status'), { out: /docker\.io +installed +none +http:\S+\n/ })
  t.match(await run('alone'), { code: 0, out: /nothing could stand behind the mirror/ })
})

t.test('install can demand that containerd reads what is written', async t => {
  const elsewhere = scene(t, 'elsewhere')
  const told = await elsewhere.run('install', '--require-config-path')
  t.match(told, { code: 6, err: /nothing was written: config_path is .*elsewhere/ })
  t.match(told.err, `config_path = "${elsewhere.certsDir}"; then restart containerd`)
  t.notOk(existsSync(join(elsewhere.certsDir, 'docker.io')))
  t.match(await elsewhere.run('install'), { code: 0, out: /does not name/ }, 'a note, else')
  const { run, hosts } = scene(t)
  t.match(await run('install', '--require-config-path'), { code: 0 })
  t.match(hosts('docker.io'), 'server = ')
})

t.test('registries are chosen by name, and have to be configured', async t => {
  const { run, hosts } = scene(t)
  const one = await run(
    'install',
    'registry.lab',
    '--fallback',
    'none',
    '--mirror.listen',
    '0.0.0.0:5055',
  )
  t.equal(one.out.split('\n').length, 2)
  t.match(
    hosts('registry.lab'),
    'server = "http://127.0.0.1:5055"',
    'loopback, wherever it listens',
  )
  t.match(await run('install', 'quay.io'), { code: 6, err: /quay\.io is not configured/ })
  t.match(await run('install', 'no registry'), { code: 6, err: /is no registry/ })
  t.match(await run('install', '_default', '--fallback', 'none'), { code: 0, out: /does not know/ })
  t.match(await run('install', '--mirror.listen', '127.0.0.1:0'), {
    code: 6,
    err: /mirror\.listen/,
  })
})

t.test('what is wrong on the command line is told', async t => {
  const { run } = scene(t)
  t.match(await run('install', '--fallback', 'both'), { code: 2, err: /upstream, none and auto/ })
  t.match(await run('install', '--target', '10.0.0.7:30050'), { code: 2, err: /no http:/ })
  t.match(await cli(['containerd']), { code: 2, err: /holdfast containerd install/ })
})

t.test('a refusal ends with a code of its own, and writes nothing', async t => {
  const { run, hosts, certsDir } = scene(t)
  await run('install', '--fallback', 'none')
  writeFileSync(join(certsDir, 'docker.io/hosts.toml'), `${hosts('docker.io')}#\n`)
  t.match(await run('install', '--fallback', 'upstream'), {
    code: 6,
    out: /refused.*\n.*\nnothing was written/,
  })
  t.match(hosts('registry.lab'), 'server = "http://127.0.0.1:5050"')
  t.match(await run('uninstall'), { code: 6, out: /refused/ })
  t.match(await run('uninstall', '--force'), { code: 0, out: /removed/ })
})

t.test('a directory that containerd does not read is told', async t => {
  const { run } = scene(t, 'elsewhere')
  t.match(await run('install'), { code: 0, out: /does not name .*certs\.d as config_path/ })
})

t.test('a containerd whose configuration is no TOML is told', async t => {
  const { run, root } = scene(t)
  writeFileSync(join(root, 'config.toml'), 'version = \n')
  t.match(await run('install'), { code: 6, err: /config\.toml: line 1 is no TOML/ })
})

t.test('on K3s, what registries.yaml names is edited there, and all else has a file', async t => {
  const { run, hosts, certsDir, root } = scene(t, 'certs.d', named)
  const read = () => readFileSync(join(root, 'registries.yaml'), 'utf8')
  const shown = await run('install', '--fallback', 'none')
  t.match(shown, { code: 0, out: /registries\.yaml is to say/ })
  t.match(shown.out, '    endpoint: [ http://127.0.0.1:5050, "https://hub.example" ] # mine')
  t.match(shown.out, /docker\.io: .*restart k3s or k3s-agent/)
  t.match(shown.out, /--disable-default-registry-endpoint: none is not to be had/)
  t.match(await run('install', '--fallback', 'auto'), {
    out: /docker\.io: .*--disable-default-registry-endpoint: auto is not to be had/,
  })
  t.equal(read(), named)
  t.match(hosts('registry.lab'), 'server = "http://127.0.0.1:5050"')
  t.notOk(existsSync(join(certsDir, 'docker.io')))

  t.match(await run('install', '--fallback', 'upstream', '--write'), {
    out: /\nedited +\S+registries/,
  })
  t.match(read(), '[ http://127.0.0.1:5050, "https://hub.example" ] # mine')
  t.match(await run('install', '--write'), { out: /\nunchanged +\S+registries/ })
  t.match(await run('uninstall'), { code: 0, out: /restored +\S+registries\.yaml\n/ })
  t.equal(read(), named)
})

t.test('install tells where the nodes of K3s are asked before the mirror', async t => {
  const { run, root } = scene(t, 'certs.d', named)
  writeFileSync(join(root, 'config.yaml'), 'embedded-registry: true\n')
  t.match(await run('install'), {
    code: 0,
    out: /asks its own nodes before the mirror for docker\.io, .*; take these out/,
  })
  t.notMatch((await run('install', 'registry.lab')).out, 'its own nodes')
})

t.test('print shows what every program is to read, and writes nothing', async t => {
  const { run, certsDir } = scene(t)
  t.match(await run('print', 'docker.io', '--fallback', 'none'), {
    code: 0,
    out: `==> ${join(certsDir, 'docker.io/hosts.toml')} <==\n# Written by`,
  })
  t.match(await run('print', '--for', 'docker', '--target', 'http://10.0.0.7:30050'), {
    out: /daemon\.json <==\n.*\n {2}"registry-mirrors": \[\n {4}"http:\/\/127\.0\.0\.1:5050",\n {4}"http:\/\/10/,
  })
  const behind = await run('print', '--for', 'podman', '--fallback', 'upstream', '-o', 'json')
  const hub = ['docker.io', '127.0.0.1:5050/docker.io']
  const lab = ['10.0.0.9', '127.0.0.1:5050/registry.lab']
  const [file] = JSON.parse(behind.out).files
  t.strictSame(
    [...file.text.matchAll(/location = "(.*)"/g)].map(([, place]) => place),
    [...hub, ...lab],
  )
  const alone = await run('print', '--for', 'crio', '--fallback', 'none')
  t.notMatch(alone.out, 'mirror]')
  t.match(await run('print', '--for', 'rkt'), { code: 2, err: /podman, crio, docker/ })
  t.match(await run('status'), { out: /docker\.io +none/ })
})

t.test(
  'check lists what has to be mended, each with its cure, and ends with a code of its own',
  async t => {
    const { run, root } = scene(t)
    const socket = ['--containerd.socket', join(root, 'none.sock')]
    const { code, out } = await run('check', ...socket, '--mirror.listen', '127.0.0.1:1')
    t.equal(code, 7)
    t.match(
      out,
      /fault +no containerd answers: there is no .*none\.sock\n +→ is containerd running/,
    )
    t.match(out, /fault +nobody answers at http:\/\/127\.0\.0\.1:1 .*\n +→ start Holdfast/)
    t.match(out, /ok +config_path names/)
    t.match(out, /warning +docker\.io is not sent to the mirror\n +→ holdfast containerd install/)
    const json = await run('check', ...socket, '--skip-pull', '-o', 'json')
    t.match(JSON.parse(json.out), { good: false, findings: [{ id: 'containerd', level: 'fault' }] })
  },
)

const named = `# by Ann
mirrors:
  docker.io:
    endpoint: [ "https://hub.example" ] # mine
`
