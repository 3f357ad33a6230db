import fc from 'fast-check'
import t from 'tap'
import { OciError } from '../../src/oci/errors.ts'
import { formatRepository, repositoryOn } from '../../src/oci/reference.ts'
import { locateRepository, parseRequestPath } from '../../src/oci/request-path.ts'
import { digests, registries, repositoryNames, tags, texts } from '../support/words.ts'

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

const codeOf = (value: object): string => (value instanceof OciError ? value.code : 'no error')

t.test('every endpoint is read back from its path, whatever words the name has', async t => {
  const names = fc.oneof(
    repositoryNames,
    fc.tuple(registries, repositoryNames).map(parts => parts.join('/')),
  )
  fc.assert(
    fc.property(names, tags, digests, (name, tag, at) => {
      const expected = [
        [`/v2/${name}/manifests/${tag}`, { kind: 'manifest', name, tag }],
        [`/v2/${name}/manifests/${at}`, { kind: 'manifest', name, digest: at }],
        [`/v2/${name}/blobs/${at}`, { kind: 'blob', name, digest: at }],
        [`/v2/${name}/referrers/${at}`, { kind: 'referrers', name, digest: at }],
        [`/v2/${name}/tags/list`, { kind: 'tags', name }],
        [`/v2/${name}/blobs/uploads/`, { kind: 'upload', name }],
        [`/v2/${name}/blobs/uploads`, { kind: 'upload', name }],
        [`/v2/${name}/blobs/uploads/8be4df61-93ca-11d2-aa0d`, { kind: 'upload', name }],
      ] as const
      for (const [path, request] of expected) {
        t.same(parseRequestPath(path), request, path)
        t.same(parseRequestPath(encodeURI(path).replaceAll(':', '%3A')), request)
      }
    }),
    { numRuns: 60 },
  )
})

t.test('the paths without a name are known', async t => {
  t.same(parseRequestPath('/v2/'), { kind: 'base' })
  t.same(parseRequestPath('/v2'), { kind: 'base' })
  t.same(parseRequestPath('/v2/_catalog'), { kind: 'catalog' })
})

t.test('percent-encoding is undone once', async t => {
  t.same(parseRequestPath('/v2/a%2Fb/manifests/t'), { kind: 'manifest', name: 'a/b', tag: 't' })
  t.equal(codeOf(parseRequestPath('/v2/a%252Fb/manifests/t')), 'NAME_INVALID')
  t.equal(codeOf(parseRequestPath('/v2/%252e%252e/a/manifests/t')), 'NAME_INVALID')
  t.equal(codeOf(parseRequestPath('/v2/a/manifests/%')), 'NAME_UNKNOWN')
  t.equal(codeOf(parseRequestPath('/v2/a/manifests/%ff')), 'NAME_UNKNOWN')
})

t.test('a malformed path is answered with the code of the part at fault', async t => {
  const faults: Record<string, string> = {
    '': 'NAME_UNKNOWN',
    '/': 'NAME_UNKNOWN',
    '/v1/x/manifests/t': 'NAME_UNKNOWN',
    'v2/x/manifests/t': 'NAME_UNKNOWN',
    '/v2//': 'NAME_UNKNOWN',
    '/v2/x': 'NAME_UNKNOWN',
    '/v2/x/y': 'NAME_UNKNOWN',
    '/v2/x/tags/lists': 'NAME_UNKNOWN',
    '/v2/x/tags/list/': 'NAME_UNKNOWN',
    '/v2/x/manifests/t/': 'NAME_UNKNOWN',
    '/v2/_catalog/': 'NAME_UNKNOWN',
    '/v2/manifests/t': 'NAME_INVALID',
    '/v2/tags/list': 'NAME_INVALID',
    '/v2/blobs/uploads/': 'NAME_INVALID',
    '/v2//x/manifests/t': 'NAME_INVALID',
    '/v2/x//y/manifests/t': 'NAME_INVALID',
    '/v2/../x/manifests/t': 'NAME_INVALID',
    '/v2/x/../y/manifests/t': 'NAME_INVALID',
    '/v2/x/%2e%2e/y/manifests/t': 'NAME_INVALID',
    '/v2/./x/manifests/t': 'NAME_INVALID',
    '/v2/X/manifests/t': 'NAME_INVALID',
    '/v2/x%00/manifests/t': 'NAME_INVALID',
    '/v2/x%0a/manifests/t': 'NAME_INVALID',
    '/v2/reg.lab/manifests/t/manifests/': 'TAG_INVALID',
    '/v2/x/manifests/': 'TAG_INVALID',
    '/v2/x/manifests/.t': 'TAG_INVALID',
    '/v2/x/manifests/..': 'TAG_INVALID',
    '/v2/x/manifests/t?ns=y': 'TAG_INVALID',
    '/v2/x/manifests/sha256:abc': 'DIGEST_INVALID',
    '/v2/x/manifests/a:b': 'DIGEST_INVALID',
    '/v2/x/blobs/latest': 'DIGEST_INVALID',
    '/v2/x/blobs/': 'DIGEST_INVALID',
    [`/v2/x/blobs/${digest.toUpperCase()}`]: 'DIGEST_INVALID',
    '/v2/x/referrers/latest': 'DIGEST_INVALID',
    [`/v2/${'x'.repeat(256)}/manifests/t`]: 'NAME_INVALID',
    [`/v2/${'x/'.repeat(2000)}manifests/t`]: 'NAME_UNKNOWN',
  }
  for (const [path, code] of Object.entries(faults)) {
    t.equal(codeOf(parseRequestPath(path)), code, path.slice(0, 80))
  }
})

t.test('both forms of a request name the same repository', async t => {
  fc.assert(
    fc.property(registries, repositoryNames, (registry, name) => {
      const expected = repositoryOn(registry, name)
      t.same(locateRepository(name, registry, 'other.lab'), expected, 'with ns')
      t.same(locateRepository(`${registry}/${name}`, undefined, 'other.lab'), expected, 'prefix')
      t.same(locateRepository(name, undefined, registry), expected, 'default registry')
      t.same(locateRepository(formatRepository(expected), undefined, 'other.lab'), expected)
    }),
  )
})

t.test('ns and prefix are brought into their one form', async t => {
  const hub = { registry: 'docker.io', repository: 'library/nginx' }
  t.same(locateRepository('nginx', undefined, 'docker.io'), hub)
  t.same(locateRepository('library/nginx', 'docker.io', 'x.lab'), hub)
  t.same(locateRepository('nginx', 'registry-1.docker.io', 'x.lab'), hub)
  t.same(locateRepository('Index.Docker.io/nginx', undefined, 'x.lab'), hub)
  t.same(locateRepository('x', 'REG.lab:5000', 'docker.io'), {
    registry: 'reg.lab:5000',
    repository: 'x',
  })
})

t.test('with ns the whole name is the repository', async t => {
  t.same(locateRepository('docker.io/library/nginx', 'mirror.lab', 'docker.io'), {
    registry: 'mirror.lab',
    repository: 'docker.io/library/nginx',
  })
  t.same(locateRepository('localhost', undefined, 'reg.lab'), {
    registry: 'reg.lab',
    repository: 'localhost',
  })
})

t.test('a name that is good with ns only passes as a path', async t => {
  const name = 'a.b_c/x'
  t.same(parseRequestPath(`/v2/${name}/manifests/t`), { kind: 'manifest', name, tag: 't' })
  t.same(locateRepository(name, 'reg.lab', 'x.lab'), { registry: 'reg.lab', repository: name })
  t.equal(codeOf(locateRepository(name, undefined, 'x.lab')), 'NAME_INVALID')
})

t.test('a name or registry that is none is refused', async t => {
  const refused: [string, string | undefined][] = [
    ['x', ''],
    ['x', 'word'],
    ['x', 'reg.lab/y'],
    ['x', 'reg.lab?'],
    ['reg.lab_5000_/x', undefined],
    ['reg.lab:99999/x', undefined],
    ['reg.lab:5000/x', 'reg.lab:5000'],
    ['X', 'reg.lab'],
    ['', undefined],
    ['reg.lab/', undefined],
    ['n'.repeat(248), 'docker.io'],
  ]
  for (const [name, ns] of refused) {
    t.equal(codeOf(locateRepository(name, ns, 'docker.io')), 'NAME_INVALID', `${ns} ${name}`)
  }
})

t.test('no path and no name makes the parsers throw', async () => {
  fc.assert(
    fc.property(texts, texts, fc.option(texts, { nil: undefined }), (head, tail, ns) => {
      parseRequestPath(head)
      parseRequestPath(`/v2/${head}/manifests/${tail}`)
      locateRepository(head, ns, tail)
    }),
    { numRuns: 1000 },
  )
})
