import { dirname } from 'node:path'
import t from 'tap'
import { type Rendering, render } from './support/chart.ts'
import { configOf, containersOf, podOf, podsOf, type Templated } from './support/chart-objects.ts'
import { requireSystem } from './support/requirements.ts'

requireSystem()

const warm = { enabled: true, images: ['redis:7'] }
const mirrors = {
  'app.kubernetes.io/name': 'holdfast',
  'app.kubernetes.io/instance': 'release',
  'app.kubernetes.io/component': 'mirror',
}

t.test('who is cut off is ready, and only who hangs is started anew', async t => {
  const [, main] = containersOf(await render())
  t.match(main, {
    livenessProbe: { httpGet: { path: '/livez', port: 'health' } },
    readinessProbe: { httpGet: { path: '/readyz', port: 'health' } },
    startupProbe: { httpGet: { path: '/livez', port: 'health' }, initialDelaySeconds: 2 },
  })
})

t.test('a change of config restarts the pods, and nothing else does', async t => {
  const sumOf = async (values: object) =>
    (await render(values)).one<Templated>('DaemonSet', 'release-holdfast').spec.template.metadata
      .annotations?.['checksum/config']
  const plain = await sumOf({})
  t.equal(await sumOf({}), plain)
  t.not(await sumOf({ config: { node: { zone: 'deck-3' } } }), plain)
})

t.test('one pod is replaced after the other', async t => {
  t.match((await render()).one('DaemonSet', 'release-holdfast')['spec'], {
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
  })
})

t.test('no pod gets the addresses of all services in its environment', async t => {
  for (const [name, pod] of podsOf(await render({ warm }))) {
    t.match(pod, { enableServiceLinks: false }, name)
  }
})

t.test('why a pod of a node ended is told by what it said last', async t => {
  for (const [name, pod] of podsOf(await render())) {
    if (!name.startsWith('DaemonSet')) continue
    for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
      t.equal(container.terminationMessagePolicy, 'FallbackToLogsOnError', name)
    }
  }
})

t.test('the daemon has time to end its pulls', async t => {
  const pod = podOf(await render()) as { terminationGracePeriodSeconds?: number }
  t.ok((pod.terminationGracePeriodSeconds ?? 30) >= 30)
})

t.test('pods have the variables that are set, and are pulled with the secrets', async t => {
  const proxy = { name: 'HTTPS_PROXY', value: 'http://proxy:3128' }
  const rendering = await render({ warm, extraEnv: [proxy], 'image.pullSecrets': ['pull'] })
  for (const [name, pod] of podsOf(rendering)) {
    t.match(pod, { imagePullSecrets: [{ name: 'pull' }] }, name)
  }
  for (const container of containersOf(rendering)) {
    const found = container.env.find(({ name }) => name === proxy.name)
    t.strictSame(found, proxy, container.name)
  }
})

t.test('each file that the configuration names lies in what is mounted', async t => {
  const rendering = await render({ upstreamSecrets: ['hub'], 'paths.drop': '/srv/drop' })
  const { volumes } = podOf(rendering)
  const config = configOf(rendering) as unknown as {
    upstreamFiles: string[]
    dropFolder: { path: string }
    mirror: { tokenFile: string }
    admin: { tokenFile: string }
    mesh: { secretFile: string }
  }
  const sourceOf = (directory: string) => {
    const mount = containersOf(rendering)[1].volumeMounts.find(
      ({ mountPath }) => mountPath === directory,
    )
    return volumes.find(({ name }) => name === mount?.name)
  }
  t.equal(config.upstreamFiles.length, 1)
  for (const file of config.upstreamFiles) {
    t.match(sourceOf(dirname(file)), { secret: { secretName: 'hub' } }, file)
  }
  t.match(sourceOf(config.dropFolder.path), { hostPath: { path: '/srv/drop' } })
  for (const file of [config.mirror.tokenFile, config.admin.tokenFile, config.mesh.secretFile]) {
    t.match(sourceOf(dirname(file)), { secret: { secretName: 'release-holdfast' } }, file)
  }
})

t.test('a preset names where that kind of cluster has containerd', async t => {
  for (const [preset, socket, content] of [
    ['k3s', '/run/k3s/containerd', '/var/lib/rancher/k3s/agent/containerd'],
    ['rke2', '/run/k3s/containerd', '/var/lib/rancher/rke2/agent/containerd'],
    ['kubeadm', '/run/containerd', '/var/lib/containerd'],
    ['eks', '/run/containerd', '/var/lib/containerd'],
  ] as const) {
    const rendering = await render({ preset })
    const expected = {
      socket: `${socket}/containerd.sock`,
      contentDir: `${content}/io.containerd.content.v1.content`,
    }
    t.match(configOf(rendering).containerd, expected, preset)
    const mounted = podOf(rendering).volumes.flatMap(({ hostPath }) => hostPath?.path ?? [])
    t.ok(mounted.includes(socket) && mounted.includes(expected.contentDir), `${preset}: mounted`)
  }
})

t.test('a run of warm ends, and is not tried over and over', async t => {
  const { spec } = (await render({ warm: { ...warm, deadlineSeconds: 77 } })).one<{
    spec: { jobTemplate: { spec: object } }
  }>('CronJob')
  t.match(spec.jobTemplate.spec, { backoffLimit: 0, activeDeadlineSeconds: 77 })
})

t.test('uninstall waits as long as is set, once, and leaves nothing that it made', async t => {
  const rendering = await render({ 'uninstall.waitSeconds': 77 })
  const jobs = rendering
    .all('Job')
    .filter(({ metadata }) => /-(uninstall|clean)$/.test(metadata.name))
  t.equal(jobs.length, 2)
  for (const { spec, metadata } of jobs) {
    t.match(spec, { backoffLimit: 0 }, metadata.name)
    const args = podsOf(rendering).get(`Job ${metadata.name}`)?.containers[0]?.args ?? []
    t.equal(args[args.indexOf('--within') + 1], '77s', metadata.name)
  }
  for (const { kind, metadata } of rendering.objects) {
    if (!/delete/.test(metadata.annotations?.['helm.sh/hook'] ?? '')) continue
    const policy = metadata.annotations?.['helm.sh/hook-delete-policy']
    t.match(policy, /before-hook-creation.*hook-succeeded/, `${kind} ${metadata.name}`)
  }
  const later = podsOf(rendering).get('Job release-holdfast-clean')?.containers[0]?.args.join(' ')
  t.match(later, /"runAsUser":0,"runAsGroup":0.*--profile=sysadmin/s, 'only root reads these files')
})

t.test('nodes find each other also while they are not ready', async t => {
  const rendering = await render()
  t.match(rendering.one('Service')['spec'], {
    clusterIP: 'None',
    publishNotReadyAddresses: true,
    selector: mirrors,
    ports: [{ name: 'mesh', port: 5053, targetPort: 'mesh' }],
  })
  const ports = containersOf(rendering)[1].ports?.map(({ name, containerPort }) => [
    name,
    containerPort,
  ])
  t.match(Object.fromEntries(ports ?? []), { mesh: 5053, peer: 5052, health: 5054 })
})

t.test(
  'the API server is asked for endpoints and nodes, with the rights for just that',
  async t => {
    const kubernetes = { service: 'mesh', annotation: 'holdfast/mesh' }
    const rendering = await render({ config: { mesh: { kubernetes } }, 'uninstall.hooks': 'never' })
    t.strictSame(rulesOf(rendering, 'Role', 'release-holdfast'), [
      { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] },
    ])
    t.strictSame(rulesOf(rendering, 'ClusterRole', 'ship-release-holdfast'), [
      { apiGroups: [''], resources: ['nodes'], verbs: ['list', 'patch'] },
    ])
  },
)

const rulesOf = (rendering: Rendering, kind: string, name: string) =>
  rendering.one<{ rules: object[] }>(kind, name).rules

t.test('the mesh is open to mirrors of the release, and to no other pod', async t => {
  const ports = [5053, 5052]
  t.match((await render()).one('NetworkPolicy')['spec'], {
    podSelector: { matchLabels: mirrors },
    policyTypes: ['Ingress'],
    ingress: [
      { from: [{ podSelector: { matchLabels: mirrors } }], ports: ports.map(port => ({ port })) },
    ],
  })
  const cilium = { 'networkPolicy.kind': 'cilium' }
  const { spec } = (await render(cilium)).one<{ spec: { ingress: object[] } }>(
    'CiliumNetworkPolicy',
  )
  t.match(spec, {
    endpointSelector: { matchLabels: mirrors },
    ingress: [{ fromEndpoints: [{ matchLabels: mirrors }] }, { fromEntities: ['host'] }],
  })
  t.equal(spec.ingress.length, 2)
})

t.test('who may scrape is said to Cilium in its own words, or refused', async t => {
  const scraped = (peer: object) =>
    render({ 'networkPolicy.kind': 'cilium', 'networkPolicy.metricsFrom': [peer] })
  const matchLabels = { 'k8s:io.kubernetes.pod.namespace': 'monitoring' }
  t.match((await scraped({ matchLabels })).one('CiliumNetworkPolicy')['spec'], {
    ingress: [{}, {}, { fromEndpoints: [{ matchLabels }] }],
  })
  for (const field of ['namespaceSelector', 'podSelector', 'ipBlock']) {
    await t.rejects(scraped({ [field]: {} }), /is a peer of a NetworkPolicy; with kind cilium/)
  }
})

t.test('a monitor scrapes the metrics where the mirror serves them', async t => {
  const endpoints = [{ port: 'health', path: '/metrics' }]
  const pods = await render({ monitor: { kind: 'PodMonitor' } })
  t.match(pods.one('PodMonitor')['spec'], { podMetricsEndpoints: endpoints })
  const services = await render({ monitor: { kind: 'ServiceMonitor' } })
  t.match(services.one('ServiceMonitor')['spec'], { endpoints })
})
