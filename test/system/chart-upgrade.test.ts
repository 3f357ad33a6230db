import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startApiServer } from './support/api-server.ts'
import { type KubernetesObject, type Rendering, render } from './support/chart.ts'
import { containersOf, ownSecret, podOf, type Templated } from './support/chart-objects.ts'
import { judgeObjects } from './support/kubernetes-schemas.ts'
import { requireSystem } from './support/requirements.ts'

requireSystem()

const inShip = '/api/v1/namespaces/ship'
const daemonSets = '/apis/apps/v1/namespaces/ship/daemonsets'

const ready = (status: string) => ({ conditions: [{ type: 'Ready', status }] })
const mirrorLabels = {
  'app.kubernetes.io/name': 'holdfast',
  'app.kubernetes.io/instance': 'release',
  'app.kubernetes.io/component': 'mirror',
}
const mirrorPod = (name: string, nodeName: string, status: string, labels = mirrorLabels) => ({
  metadata: { name, namespace: 'ship', labels },
  spec: {
    nodeName,
    containers: [
      { name: 'injected', image: 'registry.example.com/proxy:1' },
      { name: 'holdfast', image: 'ghcr.io/holdfast/holdfast:0.0.9' },
    ],
  },
  status: ready(status),
})
const ending = mirrorPod('d', 'ending', 'True')
const pods = [
  { ...ending, metadata: { ...ending.metadata, deletionTimestamp: '2026-11-29T19:00:00Z' } },
  mirrorPod('a', 'off', 'Unknown'),
  mirrorPod('b', 'office', 'True', { ...mirrorLabels, 'app.kubernetes.io/component': 'other' }),
  mirrorPod('c', 'galley', 'True'),
]

/** The DaemonSet that runs, with what `install` and `holdfast` of it may do. */
const running = (isPrivileged: readonly [boolean, boolean], status: object = through) => {
  const [install, holdfast] = isPrivileged.map(privileged => ({ securityContext: { privileged } }))
  const image = 'ghcr.io/holdfast/holdfast:0.0.9'
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'release-holdfast', generation: 4 },
    spec: {
      template: {
        spec: {
          initContainers: [{ ...install, name: 'install', image }],
          containers: [{ ...holdfast, name: 'holdfast', image }],
        },
      },
    },
    status,
  }
}
const through = {
  observedGeneration: 4,
  desiredNumberScheduled: 3,
  updatedNumberScheduled: 3,
  numberAvailable: 3,
}

/** What an upgrade renders on a cluster that holds these objects, by their paths. */
async function upgrade(
  t: Test,
  objects: Readonly<Record<string, object>>,
  values: object = {},
): Promise<Rendering> {
  const lists = Object.fromEntries(
    ['pods', 'secrets'].map(kind => [`${inShip}/${kind}`, { kind: 'List', items: [] }]),
  )
  const all = { ...lists, ...objects }
  const server = await startApiServer(join(t.testdir(), 'kubeconfig'), 'v1.36.3', all)
  const asked = ['--validate', '--dry-run=server', '--disable-openapi-validation', '--is-upgrade']
  const more = [...asked, '--kubeconfig', server.kubeconfig]
  const rendering = await render(values, { kubeVersion: '', more }).finally(server.close)
  await judgeObjects([rendering.text])
  return rendering
}

const onCluster = {
  [`${daemonSets}/release-holdfast`]: running([true, true]),
  [`${inShip}/pods`]: { apiVersion: 'v1', kind: 'PodList', items: pods },
}

t.test('before an upgrade the new image is pulled on every node, and a job tells', async t => {
  const name = 'release-holdfast-pull'
  const hooksOf = (rendering: Rendering) =>
    rendering.objects.filter(({ metadata }) => metadata.name.endsWith(name))
  const rendering = await upgrade(t, onCluster, { 'upgrade.pullSeconds': 77 })
  for (const { metadata } of hooksOf(rendering)) {
    t.match(metadata.annotations, {
      'helm.sh/hook': 'pre-upgrade',
      'helm.sh/hook-delete-policy': 'before-hook-creation,hook-succeeded,hook-failed',
    })
  }
  const pull = rendering.one<Templated>('DaemonSet', name).spec.template.spec
  t.match(pull.containers, [{ image: 'ghcr.io/holdfast/holdfast:0.1.0', args: ['version'] }])
  t.strictSame(pull.tolerations, podOf(rendering).tolerations)
  const { spec } = rendering.one<Templated>('Job', name)
  t.match(spec.template.spec, {
    nodeName: 'galley',
    containers: [
      {
        image: 'ghcr.io/holdfast/holdfast:0.0.9',
        imagePullPolicy: 'IfNotPresent',
        args: ['kubernetes', 'wait', name],
      },
    ],
  })
  const args = spec.template.spec.containers[0]?.args ?? []
  t.strictSame(args.slice(3), [
    ...['--namespace', 'ship', '--within', '77s', '--give-up-after', '1m'],
  ])
  const nothing = async (objects: Readonly<Record<string, object>>, values: object) =>
    t.strictSame(hooksOf(await upgrade(t, objects, values)), [])
  await nothing(onCluster, { 'image.tag': '0.0.9' })
  await nothing(onCluster, { 'upgrade.pullFirst': false })
  // No mirror that could be lost, and none to pull through; nor one that may run from an image that nobody has.
  await nothing({ [`${daemonSets}/release-holdfast`]: running([true, true]) }, {})
  t.strictSame(hooksOf(await render()), [], 'nor at the first installation')
})

t.test('before an upgrade the new image judges the new configuration', async t => {
  const name = 'release-holdfast-check-config'
  const hooksOf = (rendering: Rendering) =>
    rendering.objects.filter(({ metadata }) => metadata.name === name)
  const secret = { [`${inShip}/secrets/release-holdfast`]: held }
  const lab = { name: 'lab', mountPath: '/lab', readOnly: true }
  const rendering = await upgrade(
    t,
    { ...onCluster, ...secret },
    {
      'config.mode': 'offline',
      'upgrade.pullSeconds': 77,
      'nodeSelector.pool': 'deck',
      extraVolumes: [{ name: 'lab', emptyDir: {} }],
      extraVolumeMounts: [lab],
    },
  )
  const [config, job] = hooksOf(rendering) as [KubernetesObject, KubernetesObject & Templated]
  const weightOf = ({ metadata }: KubernetesObject) =>
    Number(metadata.annotations?.['helm.sh/hook-weight'])
  const pulled = rendering.one('Job', 'release-holdfast-pull')
  t.ok(weightOf(pulled) < weightOf(config), 'the image is there by then')
  t.ok(weightOf(config) < weightOf(job))
  t.match(config, { data: { 'holdfast.yaml': /^mode: offline$/m } })
  t.match(job.spec, { activeDeadlineSeconds: 77, backoffLimit: 0 })
  const pod = job.spec.template.spec
  t.match(pod, {
    nodeName: 'galley',
    nodeSelector: undefined,
    containers: [
      {
        image: 'ghcr.io/holdfast/holdfast:0.1.0',
        args: ['check-config'],
        env: containersOf(rendering)[1].env,
      },
    ],
    volumes: [{ configMap: { name } }, { secret: { secretName: 'release-holdfast' } }],
  })
  const mounts = pod.containers[0]?.volumeMounts.filter(({ readOnly }) => readOnly !== true) ?? []
  t.strictSame(
    mounts.map(({ name }) => name),
    ['containerd-socket', 'containerd-certs'],
    'it may look at the data',
  )
  t.match(
    pod.containers[0]?.volumeMounts.find(({ name }) => name === 'lab'),
    lab,
  )
  t.match(
    pod.volumes.find(({ name }) => name === 'lab'),
    { emptyDir: {} },
  )
  t.strictSame(hooksOf(await upgrade(t, onCluster)), [], 'there is no Secret yet')
  t.strictSame(hooksOf(await render()), [])
})

const held = ownSecret({ 'mesh.keys': 'b2xk', 'admin.tokens': 'b2xkZXI=', 'mirror.token': 'dA==' })

t.test('an upgrade changes no key and no token', async t => {
  const rendering = await upgrade(t, { [`${inShip}/secrets/release-holdfast`]: held })
  t.strictSame(rendering.one('Secret')['data'], held.data)
})

t.test('a Secret that is named has to be there, with its keys', async t => {
  const values = { 'secret.existing': 'mine', upstreamSecrets: ['hub'] }
  const secrets = (...items: readonly object[]) => ({
    [`${inShip}/secrets`]: { apiVersion: 'v1', kind: 'SecretList', items },
  })
  const secret = (name: string, ...keys: readonly string[]) => ({
    metadata: { name, namespace: 'ship' },
    data: Object.fromEntries(keys.map(key => [key, 'eA=='])),
  })
  const mine = secret('mine', 'mesh.keys', 'admin.tokens', 'mirror.token')
  const refused = (objects: readonly object[], said: RegExp) =>
    t.rejects(upgrade(t, secrets(...objects), values), said)
  await refused([], /there is no Secret (mine|hub) in the namespace ship/)
  await refused([mine], /there is no Secret hub/)
  await refused(
    [secret('mine'), secret('hub', '.dockerconfigjson')],
    /mine .* has no key mesh.keys/,
  )
  await refused([mine, secret('hub')], /hub .* has no key \.dockerconfigjson/)
  t.ok(await upgrade(t, secrets(mine, secret('hub', '.dockerconfigjson')), values))
})

t.test('a ConfigMap or Secret of extraVolumes has to be there, unless it is optional', async t => {
  const values = (isOptional: boolean) => ({
    extraVolumes: [
      { name: 'ca', configMap: { name: 'priv-lab-ca', optional: isOptional } },
      { name: 'password', secret: { secretName: 'priv-lab', optional: isOptional } },
    ],
  })
  const list = (name: string) => ({ kind: 'List', items: [{ metadata: { name } }] })
  const there = (configMap: string, secret: string) => ({
    [`${inShip}/configmaps`]: list(configMap),
    [`${inShip}/secrets`]: list(secret),
  })
  const refused = (objects: Readonly<Record<string, object>>, said: RegExp) =>
    t.rejects(upgrade(t, objects, values(false)), said)
  await refused(there('a', 'priv-lab'), /there is no ConfigMap priv-lab-ca in the namespace ship/)
  await refused(there('priv-lab-ca', 'a'), /there is no Secret priv-lab in the namespace ship/)
  t.ok(await upgrade(t, there('priv-lab-ca', 'priv-lab'), values(false)))
  t.ok(await upgrade(t, there('a', 'a'), values(true)))
})

t.test('a priority class has to be there', async t => {
  const items = [{ metadata: { name: 'ours' } }]
  const classes = {
    '/apis/scheduling.k8s.io/v1/priorityclasses': { kind: 'PriorityClassList', items },
  }
  const nope = { priorityClassName: 'nope' }
  await t.rejects(upgrade(t, classes, nope), /there is no PriorityClass nope: make it first/)
  for (const priorityClassName of ['ours', 'system-node-critical', 'system-cluster-critical']) {
    t.ok(await upgrade(t, classes, { priorityClassName }), priorityClassName)
  }
  t.ok(await render(nope), 'without a cluster nobody knows')
})

t.test('the Secret of the chart stays part of it, so that helm rollback finds it', async t => {
  const named = { 'secret.existing': 'release-holdfast-2' }
  const mine = {
    metadata: { name: 'release-holdfast-2', namespace: 'ship' },
    data: { 'mesh.keys': 'eA==', 'admin.tokens': 'eA==', 'mirror.token': 'eA==' },
  }
  const list = { apiVersion: 'v1', kind: 'SecretList', items: [mine] }
  const objects = (own: object) => ({
    [`${inShip}/secrets`]: list,
    [`${inShip}/secrets/release-holdfast`]: own,
  })
  const kept = await upgrade(t, objects(held), named)
  t.match(kept.one('Secret'), { metadata: { name: 'release-holdfast' }, data: held.data })
  t.match(podOf(kept).volumes, [{}, { secret: { secretName: 'release-holdfast-2' } }])
  const { annotations, ...metadata } = held.metadata
  const ofOthers = await upgrade(t, objects({ ...held, metadata }), named)
  t.strictSame(ofOthers.all('Secret'), [], 'one of somebody else is not taken')
})

t.test('an upgrade away from fallback auto may take away what was mounted', async t => {
  const rights = async (there: object, values: object = { fallback: 'none' }) => {
    const rendering = await upgrade(t, { [`${daemonSets}/release-holdfast`]: there }, values)
    return containersOf(rendering).map(({ securityContext, volumeMounts }) => {
      const certs = volumeMounts.find(({ name }) => name === 'containerd-certs')
      const isPrivileged = securityContext['privileged'] === true
      t.equal(certs?.mountPropagation, isPrivileged ? 'Bidirectional' : 'None')
      return isPrivileged
    })
  }
  t.strictSame(await rights(running([true, true])), [true, false])
  t.strictSame(await rights(running([true, false])), [false, false], 'it has left')
  for (const [behind, why] of [
    [{ observedGeneration: 3 }, 'not seen yet'],
    [{ updatedNumberScheduled: 2 }, 'a node keeps the old pod'],
    [{ numberAvailable: 2 }, 'a pod of it did not come'],
  ] as const) {
    const there = running([true, false], { ...through, ...behind })
    t.strictSame(await rights(there), [true, false], why)
  }
  t.strictSame(await rights(running([false, false])), [false, false])
  const values = { fallback: 'none', leavingAuto: true }
  t.strictSame(await rights(running([false, false]), values), [true, false], 'after a rollback')
})

t.test('a node that is off keeps no pod from being replaced', async t => {
  const strategyOf = async (away: number, values: object = {}) => {
    const status = { ...through, numberUnavailable: away }
    const there = { [`${daemonSets}/release-holdfast`]: running([true, true], status) }
    const { spec } = (await upgrade(t, there, values)).one('DaemonSet', 'release-holdfast') as {
      readonly spec?: { readonly updateStrategy?: object }
    }
    return spec?.updateStrategy
  }
  const rolling = (maxUnavailable: number | string) => ({
    type: 'RollingUpdate',
    rollingUpdate: { maxUnavailable },
  })
  t.strictSame(await strategyOf(0), rolling(1))
  t.strictSame(await strategyOf(2), rolling(3))
  const said = 'updateStrategy.rollingUpdate.maxUnavailable'
  t.strictSame(await strategyOf(2, { [said]: '50%' }), rolling('50%'))
  t.strictSame(await strategyOf(2, { 'updateStrategy.type': 'OnDelete' }), { type: 'OnDelete' })
})

t.test('before a rollback from auto what was mounted is taken away, on every node', async t => {
  const name = 'release-holdfast-leave-auto'
  const hooksOf = async (values: object) => {
    const { objects, ...rendering } = await upgrade(t, onCluster, values)
    const hooks = objects.filter(({ metadata }) => metadata.name.endsWith(name))
    return { ...rendering, hooks }
  }
  for (const fallback of ['none', 'upstream']) {
    const { hooks, one } = await hooksOf({ fallback, preset: 'k3s' })
    for (const { metadata } of hooks)
      t.equal(metadata.annotations?.['helm.sh/hook'], 'pre-rollback')
    const certsDir = '/var/lib/rancher/k3s/agent/etc/containerd/certs.d'
    const { containers, tolerations } = one<Templated>('DaemonSet', name).spec.template.spec
    t.match(containers, [
      {
        args: ['containerd', 'alone', '--containerd.certs-dir', certsDir],
        securityContext: { privileged: true },
      },
    ])
    const mounts = containers[0]?.volumeMounts
    const certs = mounts?.find(({ mountPath }) => mountPath === certsDir)
    t.equal(certs?.mountPropagation, 'Bidirectional')
    t.strictSame(tolerations, [{ operator: 'Exists' }])
    const wait = ['kubernetes', 'wait', name]
    t.match(one<Templated>('Job', name).spec.template.spec.containers, [{ args: wait }])
  }
  t.strictSame((await hooksOf({})).hooks, [], 'auto mounts anew')
  const without = await render({ fallback: 'none', 'uninstall.hooks': 'auto' })
  t.notMatch(without.text, /pre-rollback/, 'no cluster, no hooks')
})
