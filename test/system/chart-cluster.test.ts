import { join } from 'node:path'
import t from 'tap'
import { startApiServer } from './support/api-server.ts'
import { type KubernetesObject, type Rendering, render } from './support/chart.ts'
import { configOf, ownSecret, podOf, type Templated } from './support/chart-objects.ts'
import { requireSystem } from './support/requirements.ts'

requireSystem()

t.test('values that mean nothing are refused', async t => {
  for (const [values, said] of [
    [{ falback: 'none' }, /'falback' not allowed/],
    [{ fallback: 'nobody' }, /\/fallback/],
    [{ config: { resolve: { timeoutMs: '5s' } } }, /\/config\/resolve\/timeoutMs/],
    [{ 'config.nope': 1 }, /'nope' not allowed/],
  ] as const) {
    await t.rejects(render(values), said)
  }
  for (const maxSurge of [1, '10%']) {
    const strategy = { 'updateStrategy.rollingUpdate': { maxUnavailable: 0, maxSurge } }
    await t.rejects(render(strategy), /maxSurge has to be 0: .* hostPort/)
  }
  t.ok(await render({ 'updateStrategy.rollingUpdate.maxSurge': 0 }))
  t.ok(await render({ updateStrategy: { type: 'OnDelete', rollingUpdate: null } }))
  await t.rejects(render({ 'warm.enabled': true }), /warm\.enabled without warm\.images/)
  await t.rejects(render({}, { kubeVersion: '1.25.0' }), /incompatible/)
})

t.test('a cluster is asked what it is, and which secret it has', async t => {
  const path = '/api/v1/namespaces/ship/secrets/release-holdfast'
  const secret = ownSecret({ 'mesh.keys': 'b2xk', 'admin.tokens': 'b2xkZXI=' })
  for (const [version, certsDir] of [
    ['v1.33.1+k3s1', '/var/lib/rancher/k3s/agent/etc/containerd/certs.d'],
    ['v1.33.1+rke2r1', '/var/lib/rancher/rke2/agent/etc/containerd/certs.d'],
    ['v1.33.1-eks-1de2ab1', '/etc/containerd/certs.d'],
    ['v1.36.3', '/etc/containerd/certs.d'],
  ] as const) {
    const server = await startApiServer(join(t.testdir(), 'kubeconfig'), version, {
      [path]: secret,
      '/apis/apps/v1/namespaces/ship/daemonsets': { kind: 'DaemonSetList', items: [] },
    })
    const asked = [
      '--validate',
      '--dry-run=server',
      '--disable-openapi-validation',
      '--kubeconfig',
      server.kubeconfig,
    ]
    const values = { 'uninstall.hooks': 'auto' }
    const rendering = await render(values, { kubeVersion: '', more: asked }).finally(server.close)
    t.match(rendering.text, /post-delete/, 'it is there to run hooks')
    t.notOk(
      server.asked.includes('/api/v1/namespaces/ship/pods'),
      'of which there may be thousands',
    )
    t.equal(configOf(rendering).containerd.certsDir, certsDir, version)
    const { data } = rendering.one<{ data: Record<string, string> }>('Secret')
    t.match(data, secret.data, 'what is there stays')
    t.match(Buffer.from(data['mirror.token'] ?? '', 'base64').toString(), /^\w{48}$/, 'and grows')
  }
})

t.test(
  'without a cluster the secret is new each time, and one that is named is not made',
  async t => {
    const [one, other] = [(await render()).one('Secret'), (await render()).one('Secret')]
    t.notMatch(one['data'], other['data'])
    const named = await render({ 'secret.existing': 'mine' })
    t.strictSame(named.all('Secret'), [])
    t.match(podOf(named).volumes, [{}, { secret: { secretName: 'mine' } }])
  },
)

const hooksAt = (rendering: Rendering, event: string): readonly KubernetesObject[] => {
  const weight = ({ metadata }: KubernetesObject) =>
    Number(metadata.annotations?.['helm.sh/hook-weight'])
  return rendering.objects
    .filter(({ metadata }) => metadata.annotations?.['helm.sh/hook']?.split(',').includes(event))
    .toSorted((a, b) => weight(a) - weight(b))
}

/** What runs on every node in a step, and the words of what waits for it. */
function stepOf(rendering: Rendering, name: string) {
  const work = rendering.one<Templated>('DaemonSet', name).spec.template.spec
  const wait = rendering.one<Templated>('Job', name).spec.template.spec.containers[0]
  return { work, container: work.containers[0], wait: wait?.args ?? [] }
}

t.test('it goes in two steps, each with what may, what does and what waits', async t => {
  const rendering = await render({ preset: 'k3s' })
  for (const event of ['pre-delete', 'post-delete']) {
    const hooks = hooksAt(rendering, event)
    const order = hooks.map(({ kind }) => kind)
    t.strictSame(order.slice(-2), ['DaemonSet', 'Job'], event)
    t.ok(order.includes('ServiceAccount'), 'that of the release may be gone')
    const roles = hooks.filter(({ kind }) => /Role$/.test(kind)) as {
      rules?: { verbs: string[]; resourceNames?: string[] }[]
    }[]
    const rules = roles.flatMap(({ rules = [] }) => rules)
    const verbs = new Set(rules.flatMap(({ verbs }) => verbs))
    t.strictSame(verbs, new Set(['get', 'list']), 'it looks, and changes nothing')
    const named = rules.flatMap(({ resourceNames = [] }) => resourceNames)
    t.ok(named.includes(hooks.at(-2)?.metadata.name ?? ''))
  }
  for (const hooks of ['never', 'auto']) {
    const without = await render({ 'uninstall.hooks': hooks })
    t.notMatch(
      without.text,
      /(pre|post)-delete/,
      `${hooks}, and no cluster that runs them as hooks`,
    )
  }
})

t.test(
  'who waits may look at its DaemonSet, at pods and at nodes, and at nothing else',
  async t => {
    const rendering = await render({}, { name: 'galley' })
    for (const [name, ...daemonSets] of [
      ['galley-holdfast-check', 'galley-holdfast-check'],
      ['galley-holdfast-uninstall', 'galley-holdfast-uninstall', 'galley-holdfast-clean'],
    ] as const) {
      const account = { kind: 'ServiceAccount', name, namespace: 'ship' }
      t.match(rendering.one('ServiceAccount', name).metadata, { namespace: 'ship' })
      t.match(rendering.one('Role', name), {
        metadata: { namespace: 'ship' },
        rules: [
          { apiGroups: ['apps'], resources: ['daemonsets'], resourceNames: daemonSets },
          { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
        ],
      })
      t.match(rendering.one('ClusterRole', `ship-${name}`), {
        rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }],
      })
      for (const [kind, bound] of [
        ['Role', name],
        ['ClusterRole', `ship-${name}`],
      ] as const) {
        const binding = rendering.one(`${kind}Binding`, bound)
        t.match(binding, { roleRef: { kind, name: bound }, subjects: [account] }, bound)
      }
      for (const job of daemonSets) {
        t.match(rendering.one<Templated>('Job', job).spec.template.spec, {
          serviceAccountName: name,
          automountServiceAccountToken: true,
        })
      }
    }
  },
)

const labelSelector = { matchLabels: { 'app.kubernetes.io/component': 'mirror' } }
/** Of every release: whose nodes they are. */
const apartFromMirrors = {
  topologyKey: 'kubernetes.io/hostname',
  namespaceSelector: {},
  labelSelector,
}

t.test('nodes are cleaned without any affinity as well', async t => {
  const { work } = stepOf(await render({ affinity: null }), 'release-holdfast-clean')
  const required = { requiredDuringSchedulingIgnoredDuringExecution: [apartFromMirrors] }
  t.match(work, { affinity: { podAntiAffinity: required } })
})

t.test('nothing is uninstalled where another release has its mirror', async t => {
  const idOf = (rendering: Rendering) => {
    const { spec } = rendering.one<Templated>('DaemonSet', 'release-holdfast')
    return spec.template.metadata.labels['holdfast/release']
  }
  const rendering = await render()
  const isOther = { key: 'holdfast/release', operator: 'NotIn', values: [idOf(rendering)] }
  for (const [name, matchExpressions] of [
    ['release-holdfast-uninstall', [{ operator: 'Exists' }, isOther]],
    ['release-holdfast-clean', undefined],
  ] as const) {
    const apart = { ...apartFromMirrors, labelSelector: { ...labelSelector, matchExpressions } }
    const required = { requiredDuringSchedulingIgnoredDuringExecution: [apart] }
    t.match(stepOf(rendering, name).work, { affinity: { podAntiAffinity: required } }, name)
  }
  const other = await render({}, { more: ['--namespace', 'other'] })
  t.not(idOf(other), idOf(rendering), 'one of the same name in another namespace is another')
})

t.test('before anything is deleted containerd gets its files back', async t => {
  const rendering = await render({ preset: 'k3s' })
  const certsDir = '/var/lib/rancher/k3s/agent/etc/containerd/certs.d'
  const { work, container, wait } = stepOf(rendering, 'release-holdfast-uninstall')
  t.match(work, {
    automountServiceAccountToken: false,
    containers: [{ args: ['containerd', 'uninstall'], securityContext: { privileged: true } }],
  })
  t.match(container?.args.join(' '), `--containerd.certs-dir ${certsDir}`)
  const certs = container?.volumeMounts.find(({ name }) => name === 'containerd-certs')
  t.match(certs, { mountPath: certsDir, mountPropagation: 'Bidirectional' })
  t.strictSame(wait.slice(0, 3), ['kubernetes', 'wait', 'release-holdfast-uninstall'])
})

t.test('when the mirrors are gone the nodes are cleaned, without any object of theirs', async t => {
  const affinity = { nodeAffinity: { any: 'thing' } }
  const paths = { data: '/srv/holdfast' }
  const rendering = await render({ preset: 'k3s', paths, affinity, 'image.pullPolicy': 'Always' })
  const { work, container, wait } = stepOf(rendering, 'release-holdfast-clean')
  t.match(work.volumes.find(({ name }) => name === 'data')?.hostPath?.path, '/srv/holdfast')
  t.ok(
    work.volumes.every(({ hostPath }) => hostPath !== undefined),
    'no Secret, no ConfigMap',
  )
  t.match(work, {
    affinity: {
      ...affinity,
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [apartFromMirrors],
      },
    },
  })
  t.match(container, { imagePullPolicy: 'IfNotPresent' }, 'nothing is left to pull it through')
  const carried = await render({ 'image.pullPolicy': 'Never' })
  for (const name of ['release-holdfast-uninstall', 'release-holdfast-clean']) {
    const { spec } = rendering.one<Templated>('Job', name)
    t.match(spec.template.spec.containers, [{ imagePullPolicy: 'IfNotPresent' }], name)
    for (const kind of ['DaemonSet', 'Job']) {
      const [one] = carried.one<Templated>(kind, name).spec.template.spec.containers
      t.equal(one?.imagePullPolicy, 'Never', name)
    }
  }
  const socket = '/run/k3s/containerd/containerd.sock'
  t.strictSame(container?.args, [
    'uninstall',
    '--containerd.certs-dir',
    '/var/lib/rancher/k3s/agent/etc/containerd/certs.d',
    ...['--containerd.socket', socket, '--data-dir', '/var/lib/holdfast', '--wait', '2m'],
  ])
  t.strictSame(wait.slice(0, 3), ['kubernetes', 'wait', 'release-holdfast-clean'])
  const later = wait.at(-1) ?? ''
  t.match(later, / -- uninstall --containerd\.certs-dir \/host\/var\/lib\/rancher\/k3s\//)
  t.match(later, ` --containerd.socket /host${socket} --data-dir /host/srv/holdfast --wait 2m`)
  t.notMatch(later, /\n/, 'one line to copy')
  const mount = { name: 'host-root', mountPath: '/host', mountPropagation: 'Bidirectional' }
  const custom = (text: string) => JSON.parse(/^echo '(.+)' \| /.exec(text)?.[1] ?? '')
  t.match(custom(later), { volumeMounts: [mount] }, 'what is mounted on the node goes')
  const { wait: without } = stepOf(await render({ fallback: 'none' }), 'release-holdfast-clean')
  t.strictSame(custom(without.at(-1) ?? ''), { securityContext: { runAsUser: 0, runAsGroup: 0 } })
})

t.test('what K3s uninstalls by itself after a failure keeps its data', async t => {
  const chart = (spec: object, name = 'release') => ({
    metadata: { name, namespace: 'kube-system' },
    spec: { targetNamespace: 'ship', ...spec },
  })
  for (const [item, isKept] of [
    [chart({}), true],
    [chart({ failurePolicy: 'abort' }), false],
    [chart({ targetNamespace: 'other' }), false],
    [chart({}, 'other'), false],
  ] as const) {
    const items = [{ apiVersion: 'helm.cattle.io/v1', kind: 'HelmChart', ...item }]
    const list = { apiVersion: 'helm.cattle.io/v1', kind: 'HelmChartList', items }
    const server = await startApiServer(join(t.testdir(), 'kubeconfig'), 'v1.36.3+k3s1', {
      '/apis/helm.cattle.io/v1/helmcharts': list,
    })
    const asked = ['--validate', '--dry-run=server', '--disable-openapi-validation']
    const more = [...asked, '--kubeconfig', server.kubeconfig]
    const rendering = await render({}, { kubeVersion: '', more }).finally(server.close)
    const { container } = stepOf(rendering, 'release-holdfast-clean')
    t.equal(container?.args.includes('--keep-data'), isKept, JSON.stringify(item))
    const { annotations } = rendering.one('Secret').metadata
    t.equal(annotations?.['helm.sh/resource-policy'], isKept ? 'keep' : undefined)
  }
})

t.test('data that is to be kept is kept by every command, and the Secret with it', async t => {
  const config = {
    dataDir: '/var/lib/holdfast/node',
    store: { dir: '/var/lib/holdfast/disk' },
    containerd: { namespace: 'other' },
  }
  const paths = { data: '/srv/holdfast' }
  const rendering = await render({ config, paths, uninstall: { hooks: 'always', keepData: true } })
  const { container, wait } = stepOf(rendering, 'release-holdfast-clean')
  t.equal(container?.args.at(-1), '--keep-data')
  const places = '--data-dir /var/lib/holdfast/node --store.dir /var/lib/holdfast/disk'
  t.match(container?.args.join(' '), `--containerd.namespace other ${places}`)
  const later = ' --data-dir /host/srv/holdfast/node --store.dir /host/srv/holdfast/disk'
  t.match(wait.at(-1), `${later} --wait 2m --keep-data`)
  const keeps = (from: Rendering) => from.one('Secret').metadata.annotations
  t.match(keeps(rendering), { 'helm.sh/resource-policy': 'keep' })
  t.match(keeps(await render({ 'uninstall.hooks': 'never' })), {
    'helm.sh/resource-policy': 'keep',
  })
  t.equal(keeps(await render()), undefined, 'else it goes with the release')
})

t.test('images are fetched ahead by the node on which the job runs', async t => {
  const images = ['docker.io/library/nginx:1.27', 'redis:7']
  const rendering = await render({ warm: { enabled: true, images, schedule: '5 4 * * 0' } })
  const list = rendering.one<{ data: Record<string, string> }>('ConfigMap', 'release-holdfast-warm')
  t.equal(list.data['images.txt'], `${images.join('\n')}\n`)
  const { spec } = rendering.one<{ spec: { jobTemplate: Templated } & object }>('CronJob')
  t.match(spec, { schedule: '5 4 * * 0', concurrencyPolicy: 'Forbid' })
  const pod = spec.jobTemplate.spec.template.spec
  const [warm] = pod.containers
  t.strictSame(warm?.args, ['warm', '--list', '/etc/holdfast/warm/images.txt'])
  const { admin } = configOf(rendering)
  const mounts = warm?.volumeMounts.filter(({ mountPath }) => admin.socket.startsWith(mountPath))
  t.match(mounts, [{ name: 'data', readOnly: true }], 'it can reach the API of the node')
  t.equal(pod.automountServiceAccountToken, false)
  t.strictSame((await render()).all('CronJob'), [])
})
