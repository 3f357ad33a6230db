import t, { type Test } from 'tap'
import { type Asked, startFakeApi } from '../../adapters/kubernetes/fake-api.ts'
import { cli } from '../support.ts'

const node = (name: string, status: string) => ({
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status }] },
})
const ownerReferences = [{ uid: 'uid-of-the-set' }]
const pod = (nodeName: string, ...containerStatuses: readonly object[]) => ({
  metadata: { name: `uninstall-${nodeName}`, ownerReferences },
  spec: { nodeName },
  status: { containerStatuses },
})
const ended = (exitCode: number, message = '') => ({ terminated: { exitCode, message } })
const daemonSet = {
  metadata: { uid: 'uid-of-the-set', generation: 1 },
  spec: {
    selector: { matchLabels: { app: 'uninstall' } },
    template: { spec: { nodeSelector: { 'kubernetes.io/os': 'linux' } } },
  },
}

/** An API with nodes, and with pods that are others at each look. */
async function scene(
  t: Test,
  nodes: readonly object[],
  looks: readonly (readonly object[])[],
  status: object = {},
) {
  let look = 0
  const { kubeconfig, asked } = await startFakeApi(t, ({ path }: Asked) => {
    if (path.endsWith('/daemonsets/uninstall')) return { json: { ...daemonSet, status } }
    if (path === '/api/v1/nodes') return { json: { items: nodes } }
    const pods = looks[Math.min(look++, looks.length - 1)]
    return { json: { items: pods } }
  })
  const run = (...more: string[]) =>
    cli([
      'kubernetes',
      'wait',
      'uninstall',
      '--namespace',
      'ship',
      '--kubeconfig',
      kubeconfig,
      ...more,
    ])
  return { run, asked }
}

t.test('what a pod says in several lines is told in as many', async t => {
  const said = 'ok       containerd 2.1\nfault    nobody answers\n         → see its pod\n'
  const { run } = await scene(
    t,
    [node('galley', 'True')],
    [[pod('galley', { state: ended(8, said) })]],
  )
  const { code, out } = await run('--give-up-after', '1ms')
  t.equal(code, 6)
  t.equal(
    out.trimEnd(),
    'galley  ok       containerd 2.1\n        fault    nobody answers\n                 → see its pod',
  )
})

t.test('it ends once the work is done on every node that is ready', async t => {
  const nodes = [
    ...[node('galley', 'True'), node('bridge', 'True')],
    ...[node('off', 'Unknown'), node('cut', 'Unknown')],
  ]
  const galley = pod('galley', { state: ended(0) })
  // Made for a node whose kubelet does not see it.
  const cut = { metadata: { ownerReferences }, spec: { nodeName: 'cut' }, status: {} }
  const { run, asked } = await scene(t, nodes, [
    [],
    [galley, cut, pod('bridge', { state: ended(6, 'no socket') })],
    // Begun anew by the kubelet, and what it ended with before counts.
    [galley, cut, pod('bridge', { state: { running: {} }, lastState: ended(0) })],
  ])
  const { code, out } = await run('--later', 'debug node/$node')
  t.equal(code, 0)
  t.equal(
    out,
    'galley  done\nbridge  done\noff     has no pod yet\n' +
      'cut     is not ready\n' +
      'not ready, and nothing done there: off, cut\nwhen they are back:\n  for node in off cut; do debug node/$node; done\n',
  )
  const query = (path: string) => asked.find(one => one.path === path)?.query.get('labelSelector')
  t.equal(query('/api/v1/nodes'), 'kubernetes.io/os=linux')
  t.equal(query('/api/v1/namespaces/ship/pods'), 'app=uninstall')
})

t.test('a ready node that does not get there is told with its reason', async t => {
  const waiting = { reason: 'ImagePullBackOff', message: 'Back-off pulling image' }
  const { run } = await scene(
    t,
    [node('galley', 'True'), node('bridge', 'True')],
    [[pod('galley', { state: { waiting } }), pod('bridge', { state: ended(0) })]],
  )
  const { code, out } = await run('--give-up-after', '1ms', '-o', 'json')
  t.equal(code, 6)
  t.strictSame(JSON.parse(out), {
    done: false,
    nodes: [
      {
        node: 'galley',
        isReady: true,
        isDone: false,
        isStuck: true,
        state: 'Back-off pulling image',
      },
      { node: 'bridge', isReady: true, isDone: true, isStuck: false },
    ],
  })
})

t.test('a ready node that does not get there is told what to run for, too', async t => {
  const nodes = [node('galley', 'True'), node('off', 'Unknown')]
  const { run } = await scene(t, nodes, [[pod('galley', { state: ended(6, 'no socket') })]])
  const { code, out } = await run('--give-up-after', '1ms', '--later', 'debug node/$node')
  t.equal(code, 6)
  t.match(out, /not ready, and nothing done there: off\nfor these, once what is told is mended/)
  t.match(out, /for node in galley off; do debug node\/\$node; done\n$/)
})

t.test('what cannot start is given up, once nothing else is at work', async t => {
  const waiting = { reason: 'ErrImagePull', message: 'no such image' }
  const galley = pod('galley', { state: { waiting } })
  const bridge = (state: object) => pod('bridge', { state })
  const { run, asked } = await scene(
    t,
    [node('galley', 'True'), node('bridge', 'True'), node('off', 'Unknown')],
    [
      // It is being made: no reason to give up.
      [galley, bridge({ waiting: { reason: 'ContainerCreating' } })],
      [galley, bridge({ running: {} })],
      [galley, bridge(ended(0))],
    ],
  )
  const { code, out } = await run('--within', '1h', '--give-up-after', '1ms')
  t.equal(code, 6)
  t.match(out, /galley +no such image\nbridge +done\noff +has no pod yet/)
  t.equal(asked.filter(({ path }) => path.endsWith('/pods')).length, 3)
  for (const option of ['--within', '--give-up-after']) {
    t.match(await run(option, 'soon'), { code: 2, err: /"soon" is no duration; write 5m\n/ })
    t.match(await run(option, '0s'), { code: 2, err: `${option} "0s" is too short; write 5m\n` })
  }
})

t.test('a ready node that the pods are kept from is not waited for', async t => {
  const nodes = ['galley', 'bridge', 'apart'].map(name => node(name, 'True'))
  const of = (name: string) => ({ key: 'metadata.name', operator: 'In', values: [name] })
  const terms = { nodeSelectorTerms: [{ matchFields: [of('bridge')] }] }
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: terms }
  const unscheduled = { metadata: { ownerReferences }, spec: { affinity: { nodeAffinity } } }
  const galley = pod('galley', { state: ended(0) })
  const status = { observedGeneration: 1, desiredNumberScheduled: 2 }
  const looks = [[galley, unscheduled], [galley], [galley, pod('bridge', { state: ended(0) })]]
  const { run, asked } = await scene(t, [...nodes, node('off', 'Unknown')], looks, status)
  const { code, out } = await run()
  t.equal(code, 0)
  t.match(out, /^galley {2}done\nbridge {2}done\noff/, 'one that is off is told of all the same')
  t.notMatch(out, 'apart')
  t.equal(asked.filter(({ path }) => path.endsWith('/pods')).length, looks.length)
})

t.test('until all pods are made every node may get one', async t => {
  const done = { state: ended(0) }
  const galley = pod('galley', done)
  // The nodes of these went, or are not for it; or they are for no node yet.
  const others = [pod('gone', done), { metadata: { ownerReferences }, spec: {} }]
  for (const status of [
    { observedGeneration: 0, desiredNumberScheduled: 0 },
    { observedGeneration: 1, desiredNumberScheduled: 2 },
  ]) {
    const nodes = [node('galley', 'True'), node('bridge', 'True')]
    const looks = [
      [galley, ...others],
      [galley, pod('bridge', done)],
    ]
    const { run, asked } = await scene(t, nodes, looks, status)
    t.match(await run(), { code: 0, out: /bridge {2}done/ })
    t.equal(asked.filter(({ path }) => path.endsWith('/pods')).length, looks.length)
  }
})

t.test('pods of a DaemonSet of the same name that was deleted do not count', async t => {
  const done = { state: ended(0) }
  const former = { ...pod('galley', done), metadata: { ownerReferences: [{ uid: 'other' }] } }
  const looks = [
    [former],
    [former, pod('galley', { state: { running: {} } })],
    [pod('galley', done)],
  ]
  const { run, asked } = await scene(t, [node('galley', 'True')], looks)
  t.match(await run(), { code: 0, out: 'galley  done\n' })
  t.equal(asked.filter(({ path }) => path.endsWith('/pods')).length, looks.length)
})

t.test('a node is done once all containers of its pod are', async t => {
  const half = pod('galley', { state: ended(0) }, { state: { running: {} } })
  const failed = pod('galley', { state: ended(0) }, { state: ended(6, 'no socket') })
  const { run, asked } = await scene(t, [node('galley', 'True')], [[half], [half], [failed]])
  const { code, out } = await run('--give-up-after', '1ms')
  t.strictSame({ code, out }, { code: 6, out: 'galley  no socket\n' })
  // The one that has ended well is no reason to give up the other.
  t.ok(asked.filter(({ path }) => path.endsWith('/pods')).length >= 3)
})

t.test('what was done on a node before it left is done', async t => {
  const nodes = [node('galley', 'True'), node('off', 'Unknown')]
  const pods = nodes.map(({ metadata }) => pod(metadata.name, { state: ended(0) }))
  const { run } = await scene(t, nodes, [pods])
  const { code, out } = await run('--later', 'debug')
  t.strictSame({ code, out }, { code: 0, out: 'galley  done\noff     done\n' })
})

t.test(
  'an API server that fails for a moment is asked again, in the namespace default',
  async t => {
    const { kubeconfig, asked } = await startFakeApi(t, ({ path }) => {
      if (asked.length === 1) return { status: 503, json: { kind: 'Status', message: 'starting' } }
      if (path.endsWith('/daemonsets/uninstall')) return { json: daemonSet }
      const isNodes = path === '/api/v1/nodes'
      const items = [isNodes ? node('galley', 'True') : pod('galley', { state: ended(0) })]
      return { json: { items } }
    })
    const ran = await cli(['kubernetes', 'wait', 'uninstall', '--kubeconfig', kubeconfig])
    t.match(ran, { code: 0, out: 'galley  done\n' })
    t.equal(asked[0]?.path, '/apis/apps/v1/namespaces/default/daemonsets/uninstall')
  },
)

t.test('an API server that says nothing is told as that', async t => {
  const { kubeconfig } = await startFakeApi(t, () => 'silence')
  const words = ['kubernetes', 'wait', 'uninstall', '--within', '50ms', '--kubeconfig', kubeconfig]
  t.match(await cli(words), { code: 6, err: /cannot be asked: it does not answer/ })
})

// These wait for time to pass, beside each other.
t.jobs = 4

t.test('why the scheduler keeps a pod from its node is told', { buffered: true }, async t => {
  const message = '1 node(s) did not match pod anti-affinity rules'
  const scheduled = { type: 'PodScheduled', status: 'False', message }
  const kept = {
    metadata: { ownerReferences },
    spec: { nodeName: 'galley' },
    status: { conditions: [scheduled] },
  }
  const { run } = await scene(t, [node('galley', 'True')], [[kept]])
  const { code, out } = await run('--within', '6s')
  t.equal(code, 6)
  t.equal(out, `galley  ${message}\n`)
})

t.test('a question that hangs is given up, and asked again', { buffered: true }, async t => {
  const { kubeconfig, asked } = await startFakeApi(t, ({ path }) => {
    if (asked.length === 2) return 'silence'
    if (path.endsWith('/daemonsets/uninstall')) return { json: daemonSet }
    const isNodes = path === '/api/v1/nodes'
    return {
      json: { items: [isNodes ? node('galley', 'True') : pod('galley', { state: ended(0) })] },
    }
  })
  const words = ['kubernetes', 'wait', 'uninstall', '--within', '12s', '--kubeconfig', kubeconfig]
  t.match(await cli(words), { code: 0, out: 'galley  done\n' })
})

t.test(
  'what was seen last is told, and that nothing was seen since',
  { buffered: true },
  async t => {
    let isAway = false
    const { kubeconfig } = await startFakeApi(t, ({ path }) => {
      if (isAway) return { status: 503, json: { kind: 'Status', message: 'shutting down' } }
      if (path.endsWith('/daemonsets/uninstall')) return { json: daemonSet }
      isAway = path !== '/api/v1/nodes'
      const items = isAway ? [pod('galley', { state: { running: {} } })] : [node('galley', 'True')]
      return { json: { items } }
    })
    const words = ['kubernetes', 'wait', 'uninstall', '--within', '6s', '--kubeconfig', kubeconfig]
    const { code, out } = await cli(words)
    t.equal(code, 6)
    t.match(
      out,
      /^galley {2}is at it\nsince then Kubernetes cannot be asked: the API server answers 503: shutting down\n$/,
    )
  },
)

t.test('an API server that refuses is told of, and so is none', { buffered: true }, async t => {
  const { kubeconfig } = await startFakeApi(t, () => ({
    status: 403,
    json: { kind: 'Status', message: 'nodes is forbidden' },
  }))
  const words = ['kubernetes', 'wait', 'uninstall', '--within', '6s']
  const refused = await cli([...words, '--kubeconfig', kubeconfig])
  t.match(refused, {
    code: 6,
    err: /cannot be asked: the API server answers 403: nodes is forbidden\n/,
  })
  t.match(await cli(words), { code: 6, err: /no pod of Kubernetes/ })
  t.match(await cli([...words.slice(0, 3), '--within', 'soon']), { code: 2, err: /no duration/ })
})
