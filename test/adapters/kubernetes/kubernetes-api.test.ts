import t from 'tap'
import { openKubernetesApi } from '../../../src/adapters/kubernetes/kubernetes-api.ts'
import { startFakeApi } from './fake-api.ts'

const never = new AbortController().signal
const slice = (addresses: string[], ports: unknown[], addressType = 'IPv4') => ({
  metadata: { name: 's' },
  addressType,
  endpoints: [{ addresses, conditions: { ready: false } }],
  ports,
})
const list = (kind: string, items: unknown[], more = '') => ({
  json: { apiVersion: 'v1', kind, metadata: { continue: more }, items },
})

t.test('the pods behind a Service are found, ready or not, page by page', async t => {
  const { kubeconfig, asked } = await startFakeApi(t, ({ query }) =>
    query.get('continue') === null
      ? list('EndpointSliceList', [slice(['10.42.0.7'], [{ name: 'mesh', port: 6053 }])], 'next')
      : list('EndpointSliceList', [
          slice(['fd00::7'], [{ name: 'http', port: 80 }], 'IPv6'),
          slice(['node.example'], [], 'FQDN'),
        ]),
  )
  const api = await openKubernetesApi({ kubeconfig })
  t.strictSame(await api.serviceAddresses('holdfast', 5053, never), [
    '10.42.0.7:6053',
    '[fd00::7]:5053',
  ])
  t.equal(asked.length, 2)
  t.equal(asked[0]?.path, '/apis/discovery.k8s.io/v1/namespaces/mesh/endpointslices')
  t.equal(asked[0]?.query.get('labelSelector'), 'kubernetes.io/service-name=holdfast')
  t.equal(asked[0]?.headers.authorization, 'Bearer token-of-the-pod')
  t.equal(asked[1]?.query.get('continue'), 'next')
})

t.test('of Node objects only the metadata is asked for', async t => {
  const { kubeconfig, asked } = await startFakeApi(t, () =>
    list('PartialObjectMetadataList', [
      { metadata: { name: 'a', annotations: { 'holdfast/mesh': '10.0.0.1:5053' } } },
      { metadata: { name: 'b', annotations: { other: 'x' } } },
      { metadata: { name: 'c' } },
    ]),
  )
  const api = await openKubernetesApi({ kubeconfig })
  t.strictSame(await api.nodeAnnotations('holdfast/mesh', never), ['10.0.0.1:5053'])
  t.match(asked[0]?.headers.accept, /as=PartialObjectMetadataList/)
})

t.test('an annotation is merged into the Node object', async t => {
  const { kubeconfig, asked } = await startFakeApi(t, () => ({ json: { metadata: {} } }))
  const api = await openKubernetesApi({ kubeconfig })
  await api.annotateNode('edge-1', 'holdfast/mesh', '10.0.0.1:5053', never)
  t.match(asked[0], { method: 'PATCH', path: '/api/v1/nodes/edge-1' })
  t.equal(asked[0]?.headers['content-type'], 'application/merge-patch+json')
  t.strictSame(JSON.parse(asked[0]?.body ?? ''), {
    metadata: { annotations: { 'holdfast/mesh': '10.0.0.1:5053' } },
  })
})

t.test('a denial is told, and a silent server is left when the signal ends', async t => {
  const { kubeconfig } = await startFakeApi(t, ({ path }) =>
    path.includes('endpointslices') ? 'silence' : { status: 403, json: { kind: 'Status' } },
  )
  const api = await openKubernetesApi({ kubeconfig })
  await t.rejects(api.nodeAnnotations('holdfast/mesh', never), /403/)
  const asking = api.serviceAddresses('holdfast', 5053, AbortSignal.timeout(50))
  await t.rejects(asking, { name: 'TimeoutError' })
})

t.test('without a service account and a kubeconfig there is no API', async t => {
  await t.rejects(openKubernetesApi({}))
  await t.rejects(openKubernetesApi({ kubeconfig: '/nonexistent' }))
})
