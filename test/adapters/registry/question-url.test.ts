import t from 'tap'
import { questionUrl } from '../../../src/adapters/registry/question-url.ts'

const path = 'lab/app/manifests/latest'

t.test('questions go below /v2/', async t => {
  const ask = (url: string) => questionUrl({ url }, path, undefined).href
  t.equal(ask('https://r.example'), 'https://r.example/v2/lab/app/manifests/latest')
  t.equal(ask('http://r.example:5000/'), 'http://r.example:5000/v2/lab/app/manifests/latest')
  t.equal(ask('https://r.example/proxy'), 'https://r.example/proxy/v2/lab/app/manifests/latest')
})

t.test('a base below /v2/ names the place of repositories itself', async t => {
  t.equal(
    questionUrl({ url: 'https://r.example/v2/hub' }, path, undefined).href,
    'https://r.example/v2/hub/lab/app/manifests/latest',
  )
})

t.test('a mirror is told the registry, beside other parameters', async t => {
  t.equal(
    questionUrl({ url: 'https://m.example' }, 'a/tags/list', 'docker.io', { n: '5' }).href,
    'https://m.example/v2/a/tags/list?n=5&ns=docker.io',
  )
})

t.test('the base question is /v2/', async t => {
  t.equal(questionUrl({ url: 'https://r.example' }, '', undefined).href, 'https://r.example/v2/')
})
