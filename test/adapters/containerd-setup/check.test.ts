import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  type Answered,
  askContainerd,
  judgeConfig,
  judgeContent,
  judgeEmbedded,
  judgeHosts,
} from '../../../src/adapters/containerd-setup/check.ts'
import { judgeMirror, judgePorts } from '../../../src/adapters/containerd-setup/check-mirror.ts'
import { embeddedRegistries } from '../../../src/adapters/containerd-setup/k3s-embedded.ts'
import { locateContainerd } from '../../../src/adapters/containerd-setup/locate.ts'
import { readStatus } from '../../../src/adapters/containerd-setup/status.ts'
import type { ContainerRuntime, RunningConfig } from '../../../src/ports/container-runtime.ts'
import { HoldfastError } from '../../../src/ports/errors.ts'

const v2 = '[plugins."io.containerd.grpc.v1.cri".registry]'
const v3 = "[plugins.'io.containerd.cri.v1.images'.registry]"

/** A machine whose containerd has this configuration. */
async function place(t: Test, config: string | undefined, certsDir = '/c') {
  const root = t.testdir(config === undefined ? {} : { 'config.toml': config })
  const configFile = join(root, 'config.toml')
  const wishes = { certsDir, configFile, registriesFile: undefined, socket: join(root, 'c.sock') }
  return locateContainerd(wishes)
}

const answered = (version: string, configPath?: string): Answered => ({
  version,
  running: { configPath, discardUnpackedLayers: undefined, contentRoot: undefined },
  finding: { id: 'containerd', level: 'ok', what: '' },
})

const faults = (findings: readonly { readonly level: string; readonly id: string }[]) =>
  findings.filter(({ level }) => level !== 'ok').map(({ id }) => id)

t.test('config_path is that of the running containerd, else of the file', async t => {
  const file = await place(t, `version = 2\n${v2}\nconfig_path = "/c"\n`)
  t.strictSame(faults(judgeConfig(file, answered('1.7.24', '/c'))), [])
  t.strictSame(faults(judgeConfig(file, answered('2.1.9'))), [])
  const [running] = judgeConfig(file, answered('1.7.24', ''))
  t.match(running, {
    level: 'fault',
    what: /not set/,
    fix: /io\.containerd\.grpc\.v1\.cri.*config_path = "\/c"/,
  })
  const [other] = judgeConfig(file, answered('1.7.24', '/d'))
  t.match(other, { level: 'fault', fix: /containerd\.certsDir/ })
  const [none] = judgeConfig(await place(t, undefined), answered('2.1.9'))
  t.match(none, { level: 'warning', what: /cannot be told/ })
})

t.test('from 2.2 on an empty config_path is the usual directory', async t => {
  const usual = await place(t, 'version = 3\n', '/etc/containerd/certs.d')
  t.strictSame(faults(judgeConfig(usual, answered('v2.2.0'))), [])
  const [before] = judgeConfig(usual, answered('v2.1.9'))
  t.match(before, { level: 'fault', fix: /io\.containerd\.cri\.v1\.images/ })
})

t.test(
  'old keys beside config_path, dropped layers, and several directories on 2.1 are told',
  async t => {
    const old = await place(
      t,
      `version = 2\n${v2}\nconfig_path = "/c"\n${v2.replace(']', '.mirrors.a]')}\nendpoint = ["x"]\n`,
    )
    t.match(judgeConfig(old, answered('1.7.24'))[0], {
      level: 'fault',
      fix: 'remove registry.mirrors',
    })
    const several = await place(t, `version = 3\n${v3}\nconfig_path = "/c:/d"\n`)
    t.strictSame(faults(judgeConfig(several, answered('2.1.9'))), ['transfer-service'])
    t.strictSame(faults(judgeConfig(several, answered('2.2.0'))), [])
    t.strictSame(faults(judgeConfig(several, answered('2.0.0'))), [])
    const images = "[plugins.'io.containerd.cri.v1.images']"
    const keys = {
      use_local_image_pull: true,
      disable_snapshot_annotations: false,
      discard_unpacked_layers: true,
      image_pull_with_sync_fs: true,
      max_concurrent_downloads: 5,
    }
    for (const [key, value] of Object.entries(keys)) {
      const text = `version = 3\n${images}\n${key} = ${value}\n${v3}\nconfig_path = "/c:/d"\n`
      const judged = judgeConfig(await place(t, text), answered('2.1.9'))
      t.match(judged[1], { id: 'transfer-service', level: 'ok', what: `by itself (${key})` })
      const discards = key === 'discard_unpacked_layers' ? ['discard-unpacked-layers'] : []
      t.strictSame(faults(judged), discards)
    }
    const usual = `version = 3\n${images}\nmax_concurrent_downloads = 3\n${v3}\nconfig_path = "/c:/d"\n`
    t.strictSame(faults(judgeConfig(await place(t, usual), answered('2.1.9'))), [
      'transfer-service',
    ])
  },
)

t.test('the content directory is the one that is known', async t => {
  const root = t.testdir({})
  const at = (contentRoot: string) => {
    const { running, ...rest } = answered('1.7.24')
    return { ...rest, running: { ...running, contentRoot } } as Answered
  }
  const file = await place(t, undefined)
  const nowhere = at(join(root, 'none/content'))
  const judge = (said: Answered, contentDir?: string, isRead = true) =>
    judgeContent(file, said, { contentDir, isRead })
  t.match(await judge(at(root)), { level: 'ok', what: root })
  t.match(await judge(nowhere), { level: 'warning', what: /not there.*slower/ })
  t.match(await judge(at(join(root, 'content'))), { level: 'ok', what: /comes with the first/ })
  t.match(await judge(nowhere, root), { level: 'ok', what: root }, 'as the operator names it')
  t.match(await judge(nowhere, undefined, false), { level: 'ok', what: /not there/ })
})

t.test('each file that is not as it was installed is told with what to do', async t => {
  const state = { registry: 'docker.io', path: '/p', hasBackup: false, asks: ['http://m'] }
  const owners = ['holdfast', 'edited', 'k3s', 'nobody', 'other'] as const
  const states = [
    ...owners.map(owner => ({ ...state, owner })),
    { ...state, owner: 'other' as const, problem: 'line 1 is no TOML' },
  ]
  const findings = judgeHosts(states, '1.6.20')
  t.strictSame(
    findings.map(({ level }) => level),
    ['ok', 'warning', 'warning', 'warning', 'warning', 'fault'],
  )
  for (const { level, fix } of findings) t.equal(fix === undefined, level === 'ok')
})

t.test('what this containerd does not know makes it ignore the file', async t => {
  const text = '[host."https://a.test"]\n  capabilities = ["pull", "referrers"]\n'
  const certsDir = t.testdir({ 'docker.io': { 'hosts.toml': text } })
  const states = await readStatus(certsDir, ['docker.io'])
  const levels = ['1.6.20', '2.1.9', '2.2.0', undefined].map(v => judgeHosts(states, v)[0]?.level)
  t.strictSame(levels, ['fault', 'fault', 'warning', 'warning'])
  t.match(judgeHosts(states, '1.6.20'), [{ what: /1\.6\.20 ignores .*"referrers"/ }])
})

t.test('what the embedded registry of K3s answers first is told', async t => {
  const root = t.testdir({
    'registries.yaml': 'mirrors:\n  docker.io:\n  "*":\nconfigs: { quay.io: {} }\n',
    'config.yaml': 'embedded-registry: true\n',
    agent: { 'registries.yaml': 'mirrors:\n  docker.io:\n' },
  })
  const state = { path: '/p', hasBackup: false, owner: 'k3s' } as const
  const states = [
    {
      ...state,
      registry: 'ghcr.io',
      asks: ['https://127.0.0.1:6443/v2', 'http://127.0.0.1:5050/v2'],
    },
    { ...state, registry: 'gcr.io', asks: ['http://127.0.0.1:5050/v2'] },
  ]
  const server = await embeddedRegistries(join(root, 'registries.yaml'), states)
  t.strictSame(server, ['ghcr.io', 'docker.io', '_default'])
  const agent = await embeddedRegistries(join(root, 'agent/registries.yaml'), states)
  t.strictSame(agent, ['ghcr.io'], 'an agent knows it by the files alone')
  t.match(judgeEmbedded(server), [{ level: 'warning', what: /ghcr\.io, docker\.io, \*/ }])
  t.strictSame(judgeEmbedded([]), [])
})

t.test('a mirror, another program and nobody are told apart', async t => {
  let source: string | undefined = 'check'
  const server = createServer((_, response) => {
    if (source !== undefined) response.setHeader('Holdfast-Source', source)
    response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const mirror = { url: `http://127.0.0.1:${port}`, targets: [], token: undefined }
  t.match(await judgeMirror(mirror), { level: 'ok' })
  source = undefined
  t.match(await judgeMirror(mirror), { level: 'fault', what: /another program/ })
  const at = { key: 'admin.listen', host: '127.0.0.1', port }
  const taken = await judgePorts([at, { ...at, port: 0 }])
  t.match(taken, [{ id: 'port:admin.listen', what: /in use by another program/ }])
  await new Promise(resolve => server.close(resolve))
  t.strictSame(await judgePorts([at]), [])
  t.match(await judgeMirror(mirror), {
    level: 'fault',
    what: /ECONNREFUSED/,
    fix: /holdfast serve$/,
  })
  t.intercept(process, 'env', {
    value: { ...process.env, KUBERNETES_SERVICE_HOST: '10.43.0.1' },
  })
  t.match(await judgeMirror(mirror), { fix: /kubectl .* describe pods/ }, 'in a pod')
})

t.test('a containerd tells its version and what it runs with', async t => {
  const here = await place(t, undefined)
  const running = { configPath: '/c', discardUnpackedLayers: false, contentRoot: '/root' }
  const told = await askContainerd(runtime(running), here)
  t.match(told, { version: '1.7.24', running, finding: { level: 'ok', what: /1\.7\.24 at / } })
})

t.test('one that is not there is told from one that does not answer', async t => {
  const here = await place(t, undefined)
  const absent = await askContainerd(runtime(undefined), here)
  t.match(absent, {
    version: undefined,
    running: undefined,
    finding: { level: 'fault', what: /there is no .*c\.sock/ },
  })
  await writeFile(here.socket, '')
  const silent = await askContainerd(runtime(undefined), here)
  t.match(silent, { finding: { level: 'fault', what: /UNAVAILABLE/ } })
})

/** One that runs with this, or does not answer. */
function runtime(running: RunningConfig | undefined): ContainerRuntime {
  const refuse = async () => {
    throw new HoldfastError('config-invalid', 'UNAVAILABLE: nobody answers')
  }
  if (running === undefined) {
    return { version: refuse, runningConfig: refuse, pull: refuse, remove: refuse, close() {} }
  }
  const version = async () => '1.7.24'
  return { version, runningConfig: async () => running, pull: refuse, remove: refuse, close() {} }
}
