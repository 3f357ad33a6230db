import t, { type Test } from 'tap'
import { openKubernetesApi } from '../../../src/adapters/kubernetes/kubernetes-api.ts'
import {
  createKubernetesSource,
  type KubernetesOptions,
} from '../../../src/adapters/kubernetes/kubernetes-source.ts'
import { createHeardLog } from '../sqlite/support.ts'
import { type Answer, type Asked, startFakeApi } from './fake-api.ts'

const never = new AbortController().signal

async function setUp(
  t: Test,
  answer: (asked: Asked) => Answer,
  options: Partial<KubernetesOptions>,
) {
  const api = await startFakeApi(t, answer)
  const log = createHeardLog()
  const state = { nowMs: 0, addresses: ['10.0.0.1:5053'] }
  const source = createKubernetesSource(
    {
      openApi: () => openKubernetesApi({ kubeconfig: api.kubeconfig, namespace: 'mesh' }),
      ownAddresses: () => state.addresses,
      meshPort: 5053,
      nowMs: () => state.nowMs,
      random: Math.random,
      log,
    },
    { nodeName: 'edge-1', ...options },
  )
  return { ...api, source, state, log }
}

const annotated = (texts: string[]) => ({
  json: { items: texts.map(text => ({ metadata: { annotations: { 'holdfast/mesh': text } } })) },
})

t.test('nodes write their own address once, and find those of others', async t => {
  const { source, asked, state } = await setUp(
    t,
    ({ method }) =>
      method === 'PATCH'
        ? { json: {} }
        : annotated(['10.0.0.1:5053', '10.0.0.2:5053, [fd00::2]:5053', 'rm -rf /']),
    { annotation: 'holdfast/mesh' },
  )
  const patches = () => asked.filter(({ method }) => method === 'PATCH').length
  t.strictSame([...(await source.find(never))].sort(), ['10.0.0.2:5053', '[fd00::2]:5053'])
  await source.find(never)
  t.equal(patches(), 1)
  state.addresses = ['10.0.0.9:5053']
  await source.find(never)
  t.equal(patches(), 2, 'again when it changed')
  state.nowMs += 3_700_000
  await source.find(never)
  t.equal(patches(), 3, 'and now and then, for the Node object may have been made anew')
})

t.test('who may read and not write still finds the others, and is told once', async t => {
  const { source, log } = await setUp(
    t,
    ({ method }) => (method === 'PATCH' ? { status: 403, json: {} } : annotated(['10.0.0.2:5053'])),
    { annotation: 'holdfast/mesh' },
  )
  t.strictSame(await source.find(never), ['10.0.0.2:5053'])
  t.strictSame(await source.find(never), ['10.0.0.2:5053'])
  t.equal(log.lines.filter(line => line.level === 'warn').length, 1)
})

t.test('of thousands of pods some at random are enough', async t => {
  const addresses = Array.from({ length: 900 }, (_, i) => `10.42.${i >> 8}.${i & 255}`)
  const { source } = await setUp(
    t,
    () => ({ json: { items: [{ addressType: 'IPv4', endpoints: [{ addresses }], ports: [] }] } }),
    { service: 'holdfast' },
  )
  const [first, second] = [await source.find(never), await source.find(never)]
  t.equal(first.length, 16)
  t.notSame(first, second)
})

t.test('a source that fails hides no other, and two that fail are told of', async t => {
  const answers = new Map<string, Answer>([['nodes', annotated(['10.0.0.2:5053'])]])
  const { source } = await setUp(
    t,
    ({ path }) => answers.get(path.split('/').at(-1) ?? '') ?? { status: 500, json: {} },
    { annotation: 'holdfast/mesh', service: 'holdfast' },
  )
  t.strictSame(await source.find(never), ['10.0.0.2:5053'])
  answers.clear()
  await t.rejects(source.find(never))
})

t.test('an API that cannot be opened is opened anew at the next question', async t => {
  let opened = 0
  const source = createKubernetesSource(
    {
      async openApi() {
        opened += 1
        throw new Error('no service account')
      },
      ownAddresses: () => [],
      meshPort: 5053,
      nowMs: () => 0,
      random: Math.random,
      log: createHeardLog(),
    },
    { nodeName: 'edge-1', service: 'holdfast' },
  )
  await t.rejects(source.find(never))
  await t.rejects(source.find(never))
  t.equal(opened, 2)
})
