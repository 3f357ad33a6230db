import fc from 'fast-check'
import t from 'tap'
import { OciError } from '../../src/oci/errors.ts'
import {
  formatReference,
  formatRepository,
  formatTag,
  isRepositoryName,
  isTag,
  parseReference,
  parseRegistry,
  repositoryOn,
} from '../../src/oci/reference.ts'
import { digests, registries, repositoryNames, tags, texts } from '../support/words.ts'

const hex = 'c0ffee'.repeat(11).slice(0, 64)
const digest = `sha256:${hex}`

t.test('references mean what they mean to Docker', async t => {
  const meanings: Record<string, string> = {
    nginx: 'docker.io/library/nginx:latest',
    'nginx:1.27': 'docker.io/library/nginx:1.27',
    'grafana/grafana': 'docker.io/grafana/grafana:latest',
    'docker.io/nginx': 'docker.io/library/nginx:latest',
    'index.docker.io/nginx': 'docker.io/library/nginx:latest',
    'registry-1.docker.io/a/b:c': 'docker.io/a/b:c',
    'Docker.IO/library/nginx': 'docker.io/library/nginx:latest',
    'reg.lab/x': 'reg.lab/x:latest',
    'REG.Lab:5000/x/y:T': 'reg.lab:5000/x/y:T',
    'localhost/x': 'localhost/x:latest',
    'LocalHost/x': 'localhost/x:latest',
    'localhost:5000/x': 'localhost:5000/x:latest',
    'localhost:5000': 'docker.io/library/localhost:5000',
    'reg:5000/x': 'reg:5000/x:latest',
    'reg/x': 'docker.io/reg/x:latest',
    'a.b': 'docker.io/library/a.b:latest',
    '[::1]:5000/x': '[::1]:5000/x:latest',
    '[::1]/x:y': '[::1]/x:y',
    '[0:0:0:0:0:0:0:1]:5000/x': '[::1]:5000/x:latest',
    '[FD00::A]/x': '[fd00::a]/x:latest',
    '10.0.0.1:5000/a/b/c/d:e': '10.0.0.1:5000/a/b/c/d:e',
    'reg.lab:443/x': 'reg.lab:443/x:latest',
    [`nginx@${digest}`]: `docker.io/library/nginx@${digest}`,
    [`reg.lab/x:1@${digest}`]: `reg.lab/x:1@${digest}`,
    'a__b/c---d/e.f_g': 'docker.io/a__b/c---d/e.f_g:latest',
    'ghcr.io/blobs/manifests/tags/list': 'ghcr.io/blobs/manifests/tags/list:latest',
  }
  for (const [text, meaning] of Object.entries(meanings)) {
    t.equal(formatReference(parseReference(text)), meaning, text)
  }
})

t.test('what is no reference is refused with the code of the part at fault', async t => {
  const faults: Record<string, string> = {
    '': 'NAME_INVALID',
    ':tag': 'NAME_INVALID',
    '/x': 'NAME_INVALID',
    'x/': 'NAME_INVALID',
    'a//b': 'NAME_INVALID',
    '../x': 'NAME_INVALID',
    'a/../b': 'NAME_INVALID',
    'reg.lab/': 'NAME_INVALID',
    Nginx: 'NAME_INVALID',
    'reg.lab/X': 'NAME_INVALID',
    'REG/x': 'NAME_INVALID',
    'reg.lab_5000_/x': 'NAME_INVALID',
    'reg.lab:0/x': 'NAME_INVALID',
    'reg.lab:65536/x': 'NAME_INVALID',
    'reg.lab:/x': 'NAME_INVALID',
    'reg.lab:05/x': 'NAME_INVALID',
    '-reg.lab/x': 'NAME_INVALID',
    'reg..lab/x': 'NAME_INVALID',
    '[::1/x': 'NAME_INVALID',
    '[::1]5000/x': 'NAME_INVALID',
    '[:::1]/x': 'NAME_INVALID',
    '[]:5000/x': 'NAME_INVALID',
    'https://reg.lab/x': 'NAME_INVALID',
    'user:pass@reg.lab/x': 'DIGEST_INVALID',
    'a b': 'NAME_INVALID',
    'a\n': 'NAME_INVALID',
    'x%2Fy': 'NAME_INVALID',
    [hex]: 'NAME_INVALID',
    'x:': 'TAG_INVALID',
    'x:.a': 'TAG_INVALID',
    'x:a b': 'TAG_INVALID',
    'x:é': 'TAG_INVALID',
    [`x:${'a'.repeat(129)}`]: 'TAG_INVALID',
    'x@': 'DIGEST_INVALID',
    'x@sha256:abc': 'DIGEST_INVALID',
    [`x@${digest}@${digest}`]: 'DIGEST_INVALID',
    [`x@${digest}:tag`]: 'DIGEST_INVALID',
  }
  for (const [text, code] of Object.entries(faults)) {
    t.throws(() => parseReference(text), { name: 'OciError', code }, JSON.stringify(text))
  }
})

t.test('names, tags and hosts have limits', async t => {
  const longest = `a/${'b'.repeat(253)}`
  t.ok(isRepositoryName(longest))
  t.notOk(isRepositoryName(`${longest}b`))
  t.equal(parseReference(`reg.lab/${longest}`).repository, longest)
  t.throws(() => parseReference('n'.repeat(248)), { code: 'NAME_INVALID' }, 'library/ counts')
  t.ok(isTag('t'.repeat(128)))
  t.notOk(isTag('t'.repeat(129)))
  t.notOk(isTag(''))
  t.notOk(isTag('a\n'))
  t.ok(parseRegistry(`${'a'.repeat(63)}.lab`))
  t.notOk(parseRegistry(`${'a'.repeat(64)}.lab`))
  t.notOk(parseRegistry(`${'a.'.repeat(126)}ab`))
})

t.test('a registry has one form', async t => {
  t.equal(parseRegistry('REG.lab:5000'), 'reg.lab:5000')
  t.equal(parseRegistry('index.docker.io'), 'docker.io')
  t.equal(parseRegistry('registry-1.docker.io'), 'docker.io')
  t.equal(parseRegistry('docker.io:443'), 'docker.io:443')
  t.equal(parseRegistry('[0::0001]:1'), '[::1]:1')
  t.equal(parseRegistry('LOCALHOST'), 'localhost')
  for (const text of ['', 'word', 'a/b.c', 'a.b/', '*', 'http://a.b', 'a.b:', '::1', '1::2:3']) {
    t.equal(parseRegistry(text), undefined, text)
  }
})

t.test('a message shows hostile text escaped and shortened', async t => {
  const error = t.throws(() => parseReference(`a\u0007${'b'.repeat(10_000)}`))
  t.match(error, { message: /"a\\u0007b+…"/ })
  t.ok(error instanceof Error && error.message.length < 300)
})

t.test('whatever is formatted is read back the same', async t => {
  fc.assert(
    fc.property(
      registries,
      repositoryNames,
      fc.option(tags, { nil: undefined }),
      fc.option(digests, { nil: undefined }),
      (registry, name, tag, digest) => {
        const repository = repositoryOn(registry, name)
        const read = parseReference(formatReference({ ...repository, tag, digest }))
        const implied = tag === undefined && digest === undefined ? 'latest' : tag
        t.same(read, { ...repository, tag: implied, digest })
      },
    ),
  )
})

t.test('a tag is formatted as the reference that names it', async t => {
  fc.assert(
    fc.property(registries, repositoryNames, tags, (registry, name, tag) => {
      const key = { ...repositoryOn(registry, name), tag }
      t.equal(formatTag(key), formatReference({ ...key, digest: undefined }))
      t.equal(formatTag(key), `${formatRepository(key)}:${tag}`)
    }),
    { numRuns: 30 },
  )
})

t.test('any text is a reference in canonical form or an OciError', async t => {
  fc.assert(
    fc.property(texts, text => {
      try {
        const reference = parseReference(text)
        t.same(parseReference(formatReference(reference)), reference)
        t.equal(parseRegistry(reference.registry), reference.registry)
      } catch (error) {
        if (!(error instanceof OciError)) throw error
      }
    }),
    { numRuns: 1000 },
  )
})
