import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import {
  chartDirectory,
  type KubernetesObject,
  notesOf,
  type Rendering,
  render,
} from './support/chart.ts'
import {
  configOf,
  containersOf,
  podOf,
  podsOf,
  portsAdmitted,
  type Templated,
} from './support/chart-objects.ts'
import { chartVariants } from './support/chart-variants.ts'
import { judgeObjects } from './support/kubernetes-schemas.ts'
import { run } from './support/process.ts'
import { chartTools, requireSystem } from './support/requirements.ts'

requireSystem()

const rendered = Object.entries(chartVariants).map(
  async ([name, values]): Promise<[string, Rendering]> => [name, await render(values)],
)

t.test('helm finds nothing to say', async t => {
  const lint = ['lint', '--strict', '--kube-version', '1.36.0', chartDirectory]
  t.match(await run(chartTools.helm, lint), '0 chart(s) failed')
})

t.test('Kubernetes knows every field of what is rendered', async t => {
  const texts = (await Promise.all(rendered)).map(([, { text }]) => text)
  t.ok((await judgeObjects(texts)) > 90)
  const wrong = (await render()).text.replace('hostIP:', 'hostIp:')
  await t.rejects(judgeObjects([wrong]), /'hostIp' not allowed/)
})

t.test('no line of what is rendered is blank', async t => {
  for (const [name, { text }] of await Promise.all(rendered)) t.notMatch(text, /^ +$/m, name)
})

t.test('a pod is what was promised, whatever is set', async t => {
  for (const [name, rendering] of await Promise.all(rendered)) {
    await t.test(name, async t => keepsPromises(t, rendering))
  }
})

function keepsPromises(t: Test, rendering: Rendering): void {
  const pod = podOf(rendering)
  const [init, main] = containersOf(rendering)
  const config = configOf(rendering)
  const asksKubernetes = config.mesh.kubernetes !== undefined || config.node.zoneLabel !== undefined
  t.equal(pod.automountServiceAccountToken, asksKubernetes, 'a token only for who asks')
  const rules = rendering.objects.filter(({ kind }) => /Role/.test(kind)).filter(isNoHook)
  t.equal(rules.length > 0, asksKubernetes, 'and rules')
  t.strictSame(pod.tolerations, [{ operator: 'Exists' }], 'on every node')
  t.equal(pod.priorityClassName, 'system-node-critical')

  const files = pod.volumes.filter(({ hostPath }) => !/^Directory/.test(hostPath?.type ?? 'Dir'))
  const ofHost = files.filter(({ hostPath }) => hostPath !== undefined)
  t.ok(
    ofHost.every(({ hostPath }) => hostPath?.path === '/etc/machine-id'),
    'directories alone',
  )
  const mounts = [...init.volumeMounts, ...main.volumeMounts]
  t.notOk(
    mounts.some(({ subPath }) => subPath !== undefined),
    'what is swapped is seen',
  )
  t.equal(main.volumeMounts.find(({ name: one }) => one === 'data')?.readOnly, undefined)
  const writable = main.volumeMounts.filter(({ readOnly }) => readOnly !== true)
  const drop = config.dropFolder === undefined ? [] : ['drop']
  const expected = ['containerd-socket', 'containerd-certs', 'data', ...drop, 'tmp']
  t.strictSame(
    writable.map(({ name: one }) => one),
    expected,
    'no more may be written to',
  )

  const mirror = main.ports?.filter(({ hostPort }) => hostPort !== undefined)
  t.match(mirror, [{ name: 'mirror', hostPort: 5050, containerPort: 5050, hostIP: '127.0.0.1' }])
  t.equal(mirror?.length, 1, 'no other port on the node')
  t.match(main.env, [{ name: 'HOLDFAST_CONFIG' }, { name: 'HOLDFAST_NODE__NAME' }])
  t.ok(pod.volumes.every(({ secret }) => (secret?.defaultMode ?? 0o400) === 0o400))

  for (const { name: container, securityContext, volumeMounts } of [init, main]) {
    t.equal(securityContext['readOnlyRootFilesystem'], true, `${container}: read only`)
    const certs = volumeMounts.find(({ name: one }) => one === 'containerd-certs')
    const above = volumeMounts.find(({ name: one }) => one === 'containerd-config')
    t.equal(above?.mountPropagation, 'HostToContainer', 'certs.d lies in it')
    const mounting = config.containerd.fallback === 'auto'
    // In so many words: helm leaves what an upgrade or rollback that failed put there, unless the next one says otherwise.
    t.equal(certs?.mountPropagation, mounting ? 'Bidirectional' : 'None')
    t.equal(securityContext['privileged'], mounting, 'for auto alone')
    t.equal(securityContext['allowPrivilegeEscalation'], mounting)
    if (mounting) continue
    t.match(securityContext, {
      capabilities: { drop: ['ALL'], add: undefined },
      seccompProfile: { type: 'RuntimeDefault' },
    })
  }
}

const isNoHook = ({ metadata }: KubernetesObject): boolean =>
  metadata.annotations?.['helm.sh/hook'] === undefined

t.test('the program takes the configuration that the chart makes', async t => {
  for (const [name, rendering] of await Promise.all(rendered)) {
    const file = join(t.testdir(), 'holdfast.yaml')
    await writeFile(file, JSON.stringify(configOf(rendering)))
    const origin = { kind: 'flag', name: '--config' } as const
    const env = Object.fromEntries(
      containersOf(rendering)[1]
        .env.filter(({ name: one }) => one.startsWith('HOLDFAST_'))
        .map(({ name: one, value }) => [one, value ?? '']),
    )
    const loaded = await loadConfig({
      file: { path: file, origin },
      env,
      flags: [],
      isTerminal: false,
    })
    t.strictSame(loaded.faults, [], name)
  }
})

t.test('what is written in config goes before what the chart works out', async t => {
  const config = {
    mirror: { listen: '0.0.0.0:6050' },
    mesh: { listen: '0.0.0.0:6053', seeds: ['10.0.0.7'] },
    peer: { listen: '0.0.0.0:6052' },
    containerd: { namespace: 'deck' },
    node: { zone: 'deck-3' },
    upstreamFiles: ['/etc/rancher/k3s/registries.yaml'],
  }
  const rendering = await render({ config, upstreamSecrets: ['hub'] })
  const made = configOf(rendering)
  t.match(made, { ...config, upstreamFiles: [/registries/, /upstreams\/hub/] })
  t.match(made.mirror.tokenFile, /mirror\.token$/, 'beside what was not written')
  t.strictSame(portsAdmitted(rendering), [6052, 6053])
  t.equal(containersOf(rendering)[1].ports?.find(({ name }) => name === 'mirror')?.hostPort, 6050)
  t.notOk(containersOf(rendering)[1].env.some(({ name }) => /ZONE/.test(name)))
})

t.test('Node objects are read and written where that is configured, and no more', async t => {
  const verbsOf = async (config: object) => {
    const rendering = await render({ config })
    const roles = rendering.all('ClusterRole').filter(isNoHook)
    const env = containersOf(rendering)[1].env.map(({ name }) => name)
    t.equal(env.includes('HOLDFAST_NODE__ZONE'), !('node' in config))
    return roles.flatMap(role =>
      (role['rules'] as { verbs: string[] }[]).flatMap(rule => rule.verbs),
    )
  }
  const node = { zoneLabel: 'rack' }
  const mesh = { kubernetes: { annotation: 'holdfast/mesh' } }
  t.strictSame(await verbsOf({}), [])
  t.strictSame(await verbsOf({ node }), ['get'])
  t.strictSame(await verbsOf({ mesh }), ['list', 'patch'])
  t.strictSame(await verbsOf({ node, mesh }), ['get', 'list', 'patch'])
  t.strictSame(await verbsOf({ node: { ...node, zone: 'deck-3' } }), [])
})

t.test('the policy admits the ports that are needed, and no other', async t => {
  const admitted = Object.fromEntries(
    (await Promise.all(rendered)).map(([name, rendering]) => [name, portsAdmitted(rendering)]),
  )
  t.match(admitted, {
    kubeadm: [5052, 5053],
    'second path': [5050, 5052, 5053],
    monitored: [5052, 5053, 5054],
    cilium: [5050, 5052, 5053, 5054],
  })
  const without = await render({ 'networkPolicy.enabled': false })
  t.strictSame(without.all('NetworkPolicy'), [])
})

t.test('there is a second path where the API server can have it', async t => {
  const values = { 'secondPath.enabled': true }
  const rendering = await render(values)
  t.match(rendering.one('Service', 'release-holdfast'), {
    spec: { type: 'NodePort', trafficDistribution: 'PreferSameNode', ports: [{ nodePort: 30050 }] },
  })
  const { args } = containersOf(rendering)[0]
  t.strictSame(args.slice(-2), ['--target', 'http://$(HOST_ADDRESS):30050'])
  await t.rejects(render(values, { kubeVersion: '1.33.9' }), /which API servers have from 1\.34 on/)
})

t.test('helm test asks every node, and a job tells what each said', async t => {
  const rendering = await render()
  const name = 'release-holdfast-check'
  const hooks = rendering.objects.filter(({ metadata }) => metadata.name.endsWith(name))
  for (const { metadata } of hooks) {
    t.match(metadata.annotations, {
      'helm.sh/hook': 'test',
      'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded,hook-failed',
      'helm.sh/hook-output-log-policy': 'hook-succeeded,hook-failed',
    })
  }
  const { spec } = rendering.one<Templated>('DaemonSet', name)
  const pod = spec.template.spec
  t.match(pod, { hostNetwork: true, containers: [{ args: ['containerd', 'check'] }] })
  t.strictSame(pod.tolerations, podOf(rendering).tolerations)
  const [wait] = rendering.one<Templated>('Job', name).spec.template.spec.containers
  t.match(wait?.args, ['kubernetes', 'wait', name])
})

t.test('every pod has resources and the priority of the mirror', async t => {
  const values = {
    warm: { enabled: true, images: ['redis:7'] },
    jobResources: { requests: { memory: '100Mi' } },
  }
  const rendering = await render(values)
  for (const { priorityClassName, initContainers = [], containers } of podsOf(rendering).values()) {
    t.equal(priorityClassName, 'system-node-critical')
    for (const { name, args, resources } of [...initContainers, ...containers]) {
      const memory = name === 'install' || name === 'holdfast' ? '192Mi' : '100Mi'
      t.match(resources, { requests: { memory } }, args.join(' '))
    }
  }
})

t.test('names and paths that would make broken objects are refused', async t => {
  for (const values of [
    { 'paths.data': '-' },
    { 'paths.data': '' },
    { 'paths.data': '/' },
    { nameOverride: 'Foo_Bar' },
    { fullnameOverride: 'Foo_Bar' },
    { fullnameOverride: '7' },
    { 'upgrade.pullSeconds': 0 },
    { 'uninstall.waitSeconds': -1 },
    { 'paths.drop': '-' },
    { 'paths.certsDir': 'certs.d' },
    { 'image.digest': 'abc' },
    { 'secret.existing': 'My_Keys' },
    { upstreamSecrets: ['a_b'] },
  ]) {
    const [path = ''] = Object.keys(values)
    await t.rejects(render(values), new RegExp(`at '/${path.replaceAll('.', '/')}`))
  }
  const rendering = await render({ upstreamSecrets: ['hub.example', 'ghcr'] })
  const volumes = podOf(rendering).volumes.filter(({ name }) => name.startsWith('upstream'))
  t.match(volumes, [
    { name: 'upstream-0', secret: { secretName: 'hub.example' } },
    { name: 'upstream-1', secret: { secretName: 'ghcr' } },
  ])
  const [mount] = containersOf(rendering)[1].volumeMounts.filter(
    ({ name }) => name === 'upstream-0',
  )
  t.equal(mount?.mountPath, '/etc/holdfast/upstreams/hub.example')
  t.match(configOf(await render({ config: null })), { upstreams: undefined, dataDir: /./ })
})

t.test(
  'what is said after the installation tells of every node, and of a missing image',
  async t => {
    const notes = await notesOf({})
    t.match(notes, /logs -l \S+ -c install --prefix --ignore-errors$/m)
    t.match(notes, /^ {2}kubectl -n ship get events --field-selector reason=FailedMount$/m)
    t.match(notes, /ImagePullBackOff .*docs\/image\.md/)
    const tagged = await notesOf({ 'image.tag': '9.9.9' })
    t.match(tagged, /^ghcr\.io\/holdfast\/holdfast:9\.9\.9 is on its way/)
    const second = { 'secondPath.enabled': true }
    const warning = /WARNING: networkPolicy\.nodeNetworks is empty/
    t.match(await notesOf(second), warning)
    for (const more of [
      { 'networkPolicy.nodeNetworks': ['10.0.0.0/24'] },
      { 'networkPolicy.enabled': false },
      { 'networkPolicy.kind': 'cilium' },
    ]) {
      t.notMatch(await notesOf({ ...second, ...more }), warning, JSON.stringify(more))
    }
    t.notMatch(notes, warning)
    for (const [values, said] of [
      [{}, 'are privileged, because fallback is auto'],
      [
        { fallback: 'none', leavingAuto: true },
        'are privileged as they start, to leave fallback auto',
      ],
      [{ fallback: 'none' }, 'have no capabilities'],
    ] as const) {
      t.match(await notesOf(values), `The pods ${said}`)
    }
  },
)

t.test('nodes that stand alone by the configuration are told of', async t => {
  const warning = /WARNING: config\.mesh\.(enabled is false|dns is empty)/
  t.match(await notesOf({ 'config.mesh.enabled': false }), 'WARNING: config.mesh.enabled is false')
  const noDns = { 'config.mesh.dns': [] }
  t.match(await notesOf(noDns), 'WARNING: config.mesh.dns is empty')
  for (const values of [
    {},
    { ...noDns, 'config.mesh.seeds': ['10.0.0.1:5053'] },
    { ...noDns, 'config.mesh.mdns': true },
    { ...noDns, 'config.mesh.kubernetes.service': 'mesh' },
    { ...noDns, 'config.mesh.kubernetes.annotation': 'holdfast/mesh' },
  ]) {
    t.notMatch(await notesOf(values), warning, JSON.stringify(values))
  }
})
