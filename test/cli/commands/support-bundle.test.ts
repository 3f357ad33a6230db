import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { cli, scriptAdmin } from '../support.ts'

const asOf = '2026-11-21T12:00:00.000Z'
const nodes = ['a', 'b'].map(name => ({ id: name, name, self: false, state: 'alive' }))

t.test('of all nodes there is a directory each; who is silent is told in it', async t => {
  const { env } = await scriptAdmin(t, ({ pathname }) => {
    if (pathname === '/api/v1/nodes') return [200, { items: nodes }]
    if (pathname.includes('/b/')) return [503, { detail: 'b is gone' }]
    const parts = [
      { name: 'status.json', what: 'how it is', json: { mode: 'auto' } },
      { name: 'log.jsonl', what: 'its log', text: 'line\n' },
      { name: 'files.json', what: 'files', error: 'no disk' },
      { name: '../../etc/passwd', what: 'a lie', text: 'x' },
    ]
    return [200, { node: 'a', asOf, parts }]
  })
  const file = join(t.testdir({}), 'out.tar.gz')
  const words = ['support-bundle', '--node', 'all', '--output-file', file]
  const ran = await cli(words, { env })
  t.equal(ran.code, 4)
  t.match(ran.err, /b: no answer: b is gone\n/)
  t.equal(ran.out, `${file}\n`)
  const text = gunzipSync(readFileSync(file)).toString('latin1')
  t.match(text, /^MANIFEST\.txt\0.*\nb: no answer: b is gone\n/s)
  t.match(text, /\na\/log\.jsonl: its log\n/)
  t.match(text, /a\/status\.json\0.*\{\n {2}"mode": "auto"\n\}\n/s)
  t.match(text, /a\/files\.json\.failed\0.*no disk\n/s)
  t.notMatch(text, /\.\.\//)
})

t.test('nothing is written over, and nobody asked for what could not be written', async t => {
  const { env, asked } = await scriptAdmin(t, () => [200, { node: 'a', asOf, parts: [] }])
  const dir = t.testdir({ 'out.tar.gz': 'an older one' })
  const file = join(dir, 'out.tar.gz')
  t.match(await cli(['support-bundle', '--output-file', file], { env }), {
    code: 2,
    out: '',
    err: `holdfast: ${file} is there already: name another file\n`,
  })
  t.equal(asked.length, 0)
  t.equal(readFileSync(file, 'utf8'), 'an older one')
  t.strictSame(readdirSync(dir), ['out.tar.gz'])
})
