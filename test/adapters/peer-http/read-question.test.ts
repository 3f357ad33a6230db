import fc from 'fast-check'
import t from 'tap'
import { parseRepository, readQuestion } from '../../../src/adapters/peer-http/read-question.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { formatRepository } from '../../../src/oci/reference.ts'
import { registries, repositoryNames, texts } from '../../support/words.ts'

const digest = digestOf(Buffer.of(1))

t.test('every question is read', async t => {
  const repository = { registry: 'docker.io', repository: 'library/nginx' }
  const of = 'repository=docker.io%2Flibrary%2Fnginx'
  t.same(readQuestion('POST', '/peer/1/call/sync/root'), { kind: 'call', subject: 'sync/root' })
  t.same(readQuestion('POST', '/peer/1/stream/sync/all'), { kind: 'stream', subject: 'sync/all' })
  t.same(readQuestion('GET', `/peer/1/manifests/${digest}?${of}`), {
    kind: 'manifest',
    digest,
    repository,
  })
  t.same(readQuestion('GET', `/peer/1/blobs/${digest}?${of}&relay=1&priority=background`), {
    kind: 'blob',
    digest,
    repository,
    relay: true,
    priority: 'background',
  })
  t.match(readQuestion('GET', `/peer/1/blobs/${digest}?${of}`), { relay: false, priority: 'pull' })
  t.match(readQuestion('GET', `/peer/1/chunks/${digest}?${of}&first=3&last=9`), {
    first: 3,
    last: 9,
  })
})

t.test('any repository is read back as it was told', async t => {
  fc.assert(
    fc.property(registries, repositoryNames, (registry, repository) => {
      const told = formatRepository({ registry, repository })
      t.same(parseRepository(told), { registry, repository })
    }),
  )
})

t.test('whatever comes, nothing is thrown', async t => {
  const targets = fc.oneof(
    texts,
    texts.map(text => `/peer/1/blobs/${digest}?repository=${text}`),
    texts.map(text => `/peer/1/call/${text}`),
    texts.map(text => `/peer/1/chunks/${digest}?repository=a.b/c&first=${text}&last=${text}`),
  )
  fc.assert(
    fc.property(fc.constantFrom('GET', 'POST', ''), targets, (method, target) => {
      readQuestion(method, target)
    }),
  )
  t.pass()
})
