import { join } from 'node:path'
import t from 'tap'
import { startApiServer } from './support/api-server.ts'
import { type KubernetesObject, type Rendering, render } from './support/chart.ts'
import { configOf, podOf, type Templated } from './support/chart-objects.ts'
import { judgeObjects } from './support/kubernetes-schemas.ts'
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
  await t.rejects(render({}, { kubeVersion: '1.25.0' }), /incompatible/)
})

t.test('a cluster is asked what it is, and which secret it has', async t => {
  const path = '/api/v1/namespaces/ship/secrets/release-holdfast'
  const meta = 'meta.helm.sh/release'
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: 'release-holdfast',
      namespace: 'ship',
      labels: { 'app.kubernetes.io/managed-by': 'Helm' },
      annotations: { [`${meta}-name`]: 'release', [`${meta}-namespace`]: 'ship' },
    },
    data: { 'mesh.keys': 'b2xk' },
  }
  for (const [version, certsDir] of [
    ['v1.33.1+k3s1', '/var/lib/rancher/k3s/agent/etc/containerd/certs.d'],
    ['v1.33.1+rke2r1', '/var/lib/rancher/rke2/agent/etc/containerd/certs.d'],
    ['v1.33.1-eks-1de2ab1', '/etc/containerd/certs.d'],
    ['v1.36.3', '/etc/containerd/certs.d'],
  ] as const) {
    const server = await startApiServer(join(t.testdir(), 'kubeconfig'), version, {
      [path]: secret,
    })
    const asked = [
      '--validate',
      '--dry-run=server',
      '--disable-openapi-validation',
      '--kubeconfig',
      server.kubeconfig,
    ]
    const rendering = await render({}, { kubeVersion: '', more: asked }).finally(server.close)
    t.equal(configOf(rendering).containerd.certsDir, certsDir, version)
    const { data } = rendering.one<{ data: Record<string, string> }>('Secret')
    t.equal(data['mesh.keys'], 'b2xk', 'what is there stays')
    t.match(Buffer.from(data['mirror.token'] ?? '', 'base64').toString(), /^\w{48}$/, 'and grows')
  }
})

t.test(
  'without a cluster the secret is new each time, and one that is named is not made',
  async t => {
    const [one, other] = [(await render()).one('Secret'), (await render()).one('Secret')]
    t.notMatch(one['data'], other['data'])
    t.match(one.metadata.annotations, { 'helm.sh/resource-policy': 'keep' })
    const named = await render({ 'secret.existing': 'mine' })
    t.strictSame(named.all('Secret'), [])
    t.match(podOf(named).volumes, [{}, { secret: { secretName: 'mine' } }])
  },
)

const pulls = (rendering: Rendering): readonly KubernetesObject[] =>
  rendering.all('Job').filter(({ metadata }) => /-pull-/.test(metadata.name))

t.test('before an upgrade the new image is pulled on the nodes that are ready', async t => {
  const node = (name: string, status: string, os = 'linux') => ({
    metadata: { name, labels: { 'kubernetes.io/os': os } },
    status: {
      conditions: [
        { type: 'DiskPressure', status: 'False' },
        { type: 'Ready', status },
      ],
    },
  })
  const container = { image: 'ghcr.io/holdfast/holdfast:0.0.9' }
  const running = { spec: { template: { spec: { containers: [container] } } } }
  const server = await startApiServer(join(t.testdir(), 'kubeconfig'), 'v1.36.3', {
    '/apis/apps/v1/namespaces/ship/daemonsets/release-holdfast': {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'release-holdfast' },
      ...running,
    },
    '/api/v1/nodes': {
      apiVersion: 'v1',
      kind: 'NodeList',
      items: [
        node('galley', 'True'),
        node('0815', 'True'),
        node(`bridge.${'deck.'.repeat(12)}lab`, 'True'),
        node('off', 'False'),
        node('lost', 'Unknown'),
        node('office', 'True', 'windows'),
      ],
    },
  })
  t.teardown(server.close)
  const upgrade = async (values: object) => {
    const asked = ['--validate', '--dry-run=server', '--disable-openapi-validation', '--is-upgrade']
    const more = [...asked, '--kubeconfig', server.kubeconfig]
    const rendering = await render(values, { kubeVersion: '', more })
    await judgeObjects([rendering.text])
    return pulls(rendering)
  }
  const jobs = await upgrade({})
  const [first, number, second, ...others] = jobs.map(({ metadata }) => metadata.name)
  t.equal(first, 'release-holdfast-pull-galley')
  t.equal(number, 'release-holdfast-pull-0815')
  t.match(second, /^release-holdfast-pull-bridge(-deck)+-[0-9a-f]{8}$/, 'what is too long is cut')
  t.strictSame(others, [])
  t.match(jobs[0], {
    metadata: { annotations: { 'helm.sh/hook': 'pre-upgrade' } },
    spec: {
      backoffLimit: 0,
      template: {
        spec: { nodeName: 'galley', containers: [{ image: 'ghcr.io/holdfast/holdfast:0.1.0' }] },
      },
    },
  })
  t.strictSame(await upgrade({ 'image.tag': '0.0.9' }), [], 'nothing new: nothing to pull')
  t.strictSame(await upgrade({ 'upgrade.pullFirst': false }), [])
  t.strictSame(pulls(await render()), [], 'nor at the first installation')
})

t.test(
  'before it is taken away containerd gets its files back, and a job waits for it',
  async t => {
    const rendering = await render({ preset: 'k3s' })
    const hooks = rendering.objects.filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/hook'] === 'pre-delete',
    )
    const weight = ({ metadata }: KubernetesObject) =>
      Number(metadata.annotations?.['helm.sh/hook-weight'])
    const order = hooks.toSorted((a, b) => weight(a) - weight(b)).map(({ kind }) => kind)
    t.strictSame(order.slice(-2), ['DaemonSet', 'Job'], 'what may, what does, what waits')
    const roles = hooks.filter(({ kind }) => /Role$/.test(kind)) as {
      rules?: { verbs: string[] }[]
    }[]
    t.strictSame(
      new Set(roles.flatMap(({ rules = [] }) => rules.flatMap(({ verbs }) => verbs))),
      new Set(['get', 'list']),
      'it looks, and changes nothing',
    )
    const certsDir = '/var/lib/rancher/k3s/agent/etc/containerd/certs.d'
    const { spec: work } = rendering.one<Templated>('DaemonSet', 'release-holdfast-uninstall')
    t.match(work.template.spec, {
      automountServiceAccountToken: false,
      containers: [{ args: ['containerd', 'uninstall'], securityContext: { privileged: true } }],
    })
    const mounts = work.template.spec.containers[0]?.volumeMounts
    const certs = mounts?.find(({ name }) => name === 'containerd-certs')
    t.match(certs, { mountPath: certsDir, mountPropagation: 'Bidirectional' })
    const { spec: waiting } = rendering.one<Templated>('Job', 'release-holdfast-uninstall')
    const [wait] = waiting.template.spec.containers
    t.strictSame(wait?.args.slice(0, 3), ['kubernetes', 'wait', 'release-holdfast-uninstall'])
    t.match(wait?.args.at(-1), `--containerd.certs-dir /host${certsDir}`)
    const without = await render({ 'uninstall.enabled': false })
    t.notMatch(without.text, 'pre-delete')
  },
)

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
