import t from 'tap'
import { expandPaths, listPaths } from '../../src/config/paths.ts'
import { rootNode } from '../../src/config/schema.ts'

const values = {
  dataDir: '/d',
  node: { name: '<dataDir>/kept' },
  upstreams: {
    'docker.io': {
      tls: { caFile: '<dataDir>/ca.pem' },
      endpoints: [{ auth: { tokenFile: '/t' } }],
    },
  },
  upstreamFiles: ['<dataDir>/registries.yaml'],
  admin: { socket: '<dataDir>' },
}

t.test('every path is found where it stands, with whether it must be there', async t => {
  const found = listPaths(rootNode, values).map(
    ({ path, isRequired }) => `${path.join(' ')} ${isRequired}`,
  )
  t.strictSame(found, [
    'dataDir false',
    'upstreams docker.io tls caFile true',
    'upstreams docker.io endpoints 0 auth tokenFile true',
    'upstreamFiles 0 true',
    'admin socket false',
  ])
})

t.test('<dataDir> is replaced in paths and nowhere else', async t => {
  t.strictSame(expandPaths(rootNode, values, '/d'), {
    ...values,
    upstreams: {
      'docker.io': { tls: { caFile: '/d/ca.pem' }, endpoints: [{ auth: { tokenFile: '/t' } }] },
    },
    upstreamFiles: ['/d/registries.yaml'],
    admin: { socket: '/d' },
  })
})
