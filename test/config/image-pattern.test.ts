import t from 'tap'
import { isPatternFault, parseImagePattern } from '../../src/config/image-pattern.ts'
import type { TagReference } from '../../src/oci/reference.ts'

const key = (text: string): TagReference => {
  const [, registry = '', repository = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(text) ?? []
  return { registry, repository, tag }
}

function matches(pattern: string, image: string): boolean {
  const parsed = parseImagePattern(pattern)
  if (isPatternFault(parsed)) throw new Error(`${pattern} ${parsed.problem}`)
  return parsed.matches(key(image))
}

t.test('one star stands for what is within a component', async t => {
  t.ok(matches('docker.io/library/*:latest', 'docker.io/library/nginx:latest'))
  t.notOk(matches('docker.io/library/*:latest', 'docker.io/library/nginx:1'))
  t.notOk(matches('docker.io/library/*', 'docker.io/library/a/b:1'))
  t.notOk(matches('docker.io/library/*', 'docker.io/grafana/grafana:1'))
  t.ok(matches('ghcr.io/acme/web-*:v1.*', 'ghcr.io/acme/web-shop:v1.22'))
  t.notOk(matches('ghcr.io/acme/web-*:v1.*', 'ghcr.io/acme/web-shop:v12'))
})

t.test('two stars stand for what crosses slashes', async t => {
  t.ok(matches('docker.io/**', 'docker.io/library/nginx:1'))
  t.ok(matches('docker.io/**', 'docker.io/a/b/c:1'))
  t.ok(matches('**', 'reg.lan:5000/x:1'))
  t.ok(matches('**/nginx:latest', 'docker.io/library/nginx:latest'))
  t.ok(matches('ghcr.io/**/web', 'ghcr.io/web:1'))
  t.ok(matches('ghcr.io/**/web', 'ghcr.io/a/b/web:1'))
  t.notOk(matches('ghcr.io/**/web', 'ghcr.io/a/otherweb:1'))
  t.notOk(matches('docker.io/**', 'quay.io/a/b:1'))
})

t.test('without a tag every tag matches, and a port is no tag', async t => {
  t.ok(matches('reg.lan:5000/app', 'reg.lan:5000/app:v9'))
  t.ok(matches('reg.lan:5000/app:v*', 'reg.lan:5000/app:v9'))
  t.notOk(matches('reg.lan:5000/app:v*', 'reg.lan:5000/app:x9'))
})

t.test('the registry may be a star, and Docker Hub has one name', async t => {
  t.ok(matches('*/library/nginx', 'docker.io/library/nginx:1'))
  t.ok(matches('*.lan/app', 'reg.lan/app:1'))
  t.ok(matches('index.docker.io/library/nginx', 'docker.io/library/nginx:1'))
  t.ok(matches('docker.io/nginx:latest', 'docker.io/library/nginx:latest'))
})

t.test('what has a meaning in regular expressions has none here', async t => {
  t.notOk(matches('ghcr.io/a.b', 'ghcr.io/axb:1'))
  t.notOk(matches('ghcr.io/a:v1.2', 'ghcr.io/a:v1x2'))
})

t.test('the repository part is matched without the tag', async t => {
  const pattern = parseImagePattern('docker.io/library/*:latest')
  if (isPatternFault(pattern)) throw new Error(pattern.problem)
  t.ok(pattern.matchesRepository({ registry: 'docker.io', repository: 'library/nginx' }))
  t.notOk(pattern.matchesRepository({ registry: 'docker.io', repository: 'other/nginx' }))
})

t.test('what can match nothing is told with its cure', async t => {
  for (const text of [
    'nginx',
    'library/nginx',
    'docker.io',
    'docker.io/*',
    'docker.io/',
    'docker.io/Library/x',
    'docker.io/library/x:',
    'docker.io/library/x:a b',
    'exa mple.com/x',
    '',
  ]) {
    const result = parseImagePattern(text)
    t.ok(isPatternFault(result), JSON.stringify(text))
    if (isPatternFault(result)) t.match(result.cure, /\w/)
  }
})

t.test('what means the same by its names has one way to be written', async t => {
  for (const [text, canonical] of [
    ['docker.io/nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['index.docker.io/library/nginx', 'docker.io/library/nginx'],
    ['docker.io/library/*:latest', 'docker.io/library/*:latest'],
    ['Reg.LAN:5000/app', 'reg.lan:5000/app'],
    ['**', '**'],
  ] as const) {
    const parsed = parseImagePattern(text)
    if (isPatternFault(parsed)) throw new Error(parsed.problem)
    t.equal(parsed.canonical, canonical)
    t.match(parseImagePattern(canonical), { canonical })
  }
})

t.test('what all matches begin with ends at the first star, or is the whole name', async t => {
  const beginnings = {
    'docker.io/library/*:latest': 'docker.io/library/',
    'docker.io/nginx': 'docker.io/library/nginx:',
    'docker.io/nginx:1.27': 'docker.io/library/nginx:1.27',
    'reg.lan:5000/app:v*': 'reg.lan:5000/app:v',
    'ghcr.io/**/web': 'ghcr.io/',
    '**/nginx:latest': '',
  }
  for (const [pattern, beginning] of Object.entries(beginnings)) {
    t.match(parseImagePattern(pattern), { beginning }, pattern)
  }
  t.ok(matches('ghcr.io/**/web', 'ghcr.io/web:1'), 'which begins so, too')
})
