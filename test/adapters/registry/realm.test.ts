import t from 'tap'
import { mayHaveCredentials, realmOf } from '../../../src/adapters/registry/realm.ts'
import { endpointAt } from './support/transport.ts'

const endpoint = endpointAt('https://registry.test:5000/proxy', {
  realms: ['auth.test', 'auth.test:8443'],
})

t.test('a realm is a URL, relative ones from the endpoint, without user or fragment', async t => {
  const realm = (text: string) =>
    realmOf({ scheme: 'bearer', parameters: { realm: text, service: 's' } }, endpoint)?.url.href
  t.equal(realm('https://auth.test/token?a=1'), 'https://auth.test/token?a=1')
  t.equal(realm('/service/token'), 'https://registry.test:5000/service/token')
  t.equal(realm('https://u:p@auth.test/#x'), 'https://auth.test/')
  t.equal(realm('file:///etc/passwd'), undefined)
  t.equal(realm('https://'), undefined)
  t.equal(realmOf({ scheme: 'bearer', parameters: {} }, endpoint), undefined)
})

t.test('credentials go to the own host and to listed ones, only over TLS', async t => {
  const may = (url: string) => mayHaveCredentials(new URL(url), endpoint)
  t.ok(may('https://registry.test/token'))
  t.ok(may('https://registry.test:5001/token'))
  t.ok(may('https://auth.test/token'))
  t.ok(may('https://AUTH.test:443/token'))
  t.ok(may('https://auth.test:8443/token'))
  t.notOk(may('https://auth.test:9999/token'))
  t.notOk(may('http://registry.test:5000/token'), 'not without TLS')
  t.notOk(may('https://sub.registry.test/token'))
  t.notOk(may('https://registry.test.evil.test/token'))
  const plain = endpointAt('http://registry.test:5000')
  t.ok(mayHaveCredentials(new URL('http://registry.test:5001/token'), plain))
})
