import t from 'tap'
import { maskSecrets } from '../../src/config/mask-secrets.ts'

t.test('secrets are masked at any depth, and all else stays', async t => {
  const tree = {
    upstreams: {
      'a.lan': {
        auth: { username: 'u', password: 'p', token: undefined },
        proxy: 'http://u:p@proxy',
      },
    },
    list: [{ token: 't' }, 'https://x/y'],
    tokenFile: '/t',
    port: 5,
  }
  t.strictSame(maskSecrets(tree), {
    upstreams: {
      'a.lan': {
        auth: { username: 'u', password: '***', token: undefined },
        proxy: 'http://***@proxy',
      },
    },
    list: [{ token: '***' }, 'https://x/y'],
    tokenFile: '/t',
    port: 5,
  })
})
