import { join } from 'node:path'
import t from 'tap'
import { locateContainerd } from '../../../src/adapters/containerd-setup/locate.ts'

const nothing = {
  certsDir: undefined,
  configFile: undefined,
  registriesFile: undefined,
  socket: undefined,
}
const rancher = { var: { lib: { rancher: { k3s: { agent: { etc: { containerd: {} } } } } } } }

t.test('a machine without anything has the usual places', async t => {
  const root = t.testdir({})
  t.match(await locateContainerd(nothing, root), {
    kind: 'containerd',
    certsDir: join(root, '/etc/containerd/certs.d'),
    socket: join(root, '/run/containerd/containerd.sock'),
    config: undefined,
    registriesYaml: undefined,
  })
})

t.test('K3s is found, unless other directories are named', async t => {
  const root = t.testdir(rancher)
  const certsDir = '/var/lib/rancher/k3s/agent/etc/containerd/certs.d'
  t.match(await locateContainerd(nothing, root), {
    kind: 'k3s',
    certsDir: join(root, certsDir),
    socket: join(root, '/run/k3s/containerd/containerd.sock'),
    registriesYaml: join(root, '/etc/rancher/k3s/registries.yaml'),
  })
  const elsewhere = await locateContainerd({ ...nothing, certsDir: '/etc/certs.d' }, root)
  t.match(elsewhere, { kind: 'containerd', certsDir: '/etc/certs.d', registriesYaml: undefined })
  const named = { ...nothing, certsDir: '/etc/certs.d', registriesFile: '/etc/rke2/r.yaml' }
  t.match(await locateContainerd(named, root), { kind: 'k3s', registriesYaml: '/etc/rke2/r.yaml' })
  t.match(await locateContainerd(named, t.testdir({})), { kind: 'rke2' })
})

t.test('k0s is found; what is added to its configuration goes beside it', async t => {
  const root = t.testdir({ etc: { k0s: { 'containerd.d': {} } } })
  const certsDir = '/etc/k0s/containerd.d/certs.d'
  t.match(await locateContainerd(nothing, root), {
    kind: 'k0s',
    certsDir: join(root, certsDir),
    socket: join(root, '/run/k0s/containerd.sock'),
    configFile: join(root, '/etc/k0s/containerd.toml'),
    settingsFile: join(root, '/etc/k0s/containerd.d/holdfast.toml'),
    registriesYaml: undefined,
  })
  const named = { ...nothing, certsDir, configFile: '/etc/k0s/containerd.toml' }
  t.match(await locateContainerd(named, root), { kind: 'k0s' })
  const elsewhere = { ...nothing, configFile: '/etc/containerd/config.toml' }
  const { kind, configFile, settingsFile } = await locateContainerd(elsewhere, root)
  t.strictSame([kind, settingsFile], ['containerd', configFile])
})

/** The section by the version of the file. */
const sections = {
  1: '[plugins.cri.registry]',
  2: '[plugins."io.containerd.grpc.v1.cri".registry]',
  3: "[plugins.'io.containerd.cri.v1.images'.registry]",
}

for (const [version, section] of Object.entries(sections)) {
  t.test(`config_path is read in version ${version}, the first that outlives a reboot`, async t => {
    const root = t.testdir({
      etc: {
        containerd: {
          'config.toml': `version = ${version}\n[grpc]\naddress = "/a.sock"\n${section}\nconfig_path = "/run/x:/srv/certs.d:/b"\n`,
        },
      },
    })
    const place = await locateContainerd(nothing, root)
    t.match(place, { certsDir: '/srv/certs.d', socket: '/a.sock' })
    t.strictSame(place.config?.configPath, ['/run/x', '/srv/certs.d', '/b'])
  })
}

t.test('what is imported wins, as containerd has it', async t => {
  const config = (dir: string) =>
    `[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "${dir}"\n`
  const root = t.testdir({
    'config.toml': `version = 2\nimports = ["conf.d/*.toml"]\n${config('/one')}`,
    'conf.d': { 'b.toml': config('/three'), 'a.toml': config('/two'), 'c.txt': config('/four') },
  })
  const place = await locateContainerd({ ...nothing, configFile: join(root, 'config.toml') })
  t.equal(place.certsDir, '/three')
})

t.test('a configuration that is no TOML is told', async t => {
  const root = t.testdir({ 'config.toml': 'version = 2\n[plugins\n' })
  const wish = { ...nothing, configFile: join(root, 'config.toml') }
  await t.rejects(locateContainerd(wish), { code: 'config-invalid', message: /line 2 is no TOML/ })
})
