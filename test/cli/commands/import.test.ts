import { join } from 'node:path'
import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const answer = {
  images: [
    {
      reference: 'docker.io/lab/bb:v1',
      digest: 'sha256:aa',
      platforms: ['linux/amd64', 'linux/arm64'],
      complete: true,
    },
  ],
  addedBytes: 1234,
  warnings: ['lab.example is not among the upstreams: clients are not answered about it'],
}

t.test('what an archive brought is told, and what to know about it', async t => {
  const node = await scriptAdmin(t, () => [200, answer])
  const file = join(t.testdir({ 'a.tar': 'an archive' }), 'a.tar')
  const ran = await cli(['import', file, '--name', 'lab/bb'], { env: node.env })
  t.match(ran, {
    code: 0,
    out: /^docker.io\/lab\/bb:v1\n.*digest +sha256:aa\n.*platforms +linux\/amd64, linux\/arm64\n1\.2 kB were not here before/s,
    err: /^holdfast: lab.example is not among the upstreams/,
  })
  t.equal(node.asked[0]?.url.searchParams.get('name'), 'lab/bb')
  t.strictSame(
    JSON.parse((await cli(['import', file, '-o', 'json'], { env: node.env })).out),
    answer,
  )
})

t.test('a refusal is told in the words of the node', async t => {
  const detail = 'refused (digest): the bytes of "blobs/sha256/aa" are not what its name says'
  const node = await scriptAdmin(t, () => [422, { detail }])
  const file = join(t.testdir({ 'a.tar': 'an archive' }), 'a.tar')
  t.match(await cli(['import', file], { env: node.env }), {
    code: 8,
    err: /^holdfast: refused \(digest\)/,
  })
})

t.test('a file that is not there, and a name that is none, are wrong usage', async t => {
  const node = await scriptAdmin(t, () => [200, answer])
  const gone = join(t.testdir({}), 'gone.tar')
  t.match(await cli(['import', gone], { env: node.env }), {
    code: 2,
    err: /gone.tar cannot be read/,
  })
  const file = join(t.testdir({ 'a.tar': '' }), 'a.tar')
  t.match(await cli(['import', file, '--name', 'Lab'], { env: node.env }), { code: 2 })
  t.strictSame(node.asked, [])
})

t.test('what cannot be read to its end is no fault of the node', async t => {
  const node = await scriptAdmin(t, () => [200, answer])
  t.match(await cli(['import', t.testdir({})], { env: node.env }), {
    code: 2,
    err: /cannot be read: it is a directory/,
  })
})
