import t from 'tap'
import { podAccess, readNodeLabel } from '../../../src/adapters/kubernetes/node-label.ts'
import { startPodApi } from './fake-api.ts'

const never = new AbortController().signal
const asked = { node: 'edge-1', label: 'topology.kubernetes.io/zone' }
const node = (labels?: object) => ({ json: { metadata: { name: 'edge-1', labels } } })

t.test(
  'a label is read with what the pod was given, and of the object its metadata alone',
  async t => {
    const api = await startPodApi(t, () => node({ [asked.label]: 'deck-3', other: 'x' }))
    t.equal(await readNodeLabel(api.access, asked, never), 'deck-3')
    const [one] = api.asked
    t.match(one, { method: 'GET', path: '/api/v1/nodes/edge-1' })
    t.equal(one?.headers.authorization, 'Bearer token-of-the-pod')
    t.match(one?.headers.accept, /as=PartialObjectMetadata;/)
  },
)

t.test('a node without it has none', async t => {
  for (const labels of [undefined, {}, { [asked.label]: '' }]) {
    const { access } = await startPodApi(t, () => node(labels))
    t.equal(await readNodeLabel(access, asked, never), undefined)
  }
})

t.test('what keeps it from being told is told', async t => {
  const json = { message: 'nodes "edge-1" is forbidden' }
  const refusing = await startPodApi(t, () => ({ status: 403, json }))
  await t.rejects(readNodeLabel(refusing.access, asked, never), { message: /403.*is forbidden/ })
  const silent = await startPodApi(t, () => 'silence')
  await t.rejects(readNodeLabel(silent.access, asked, AbortSignal.timeout(100)), {
    name: 'AbortError',
  })
  const stranger = { ...refusing.access, directory: silent.access.directory }
  await t.rejects(readNodeLabel(stranger, asked, never), { message: /certificate/ })
})

t.test('a pod is told where the API server is, and what is none is not', t => {
  t.equal(podAccess({}), undefined)
  const [KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT] = ['fd00::1', '6443']
  const access = podAccess({ KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT })
  t.equal(access?.url, 'https://[fd00::1]:6443')
  t.end()
})
