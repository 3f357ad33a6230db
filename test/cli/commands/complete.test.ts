import { createServer } from 'node:http'
import t from 'tap'
import { cli, listen, scriptAdmin } from '../support.ts'

const tag = (reference: string, pinned = false) => ({ reference, source: 'upstream', pinned })
const known = [
  tag('docker.io/library/nginx:1.27', true),
  tag('docker.io/library/nginx:latest'),
  tag('docker.io/acme/web:1'),
  tag('nginx.example/a:1'),
]
const pages: Readonly<Record<string, (url: URL) => object>> = {
  tags: url => ({
    items: known.filter(({ reference }) =>
      reference.startsWith(url.searchParams.get('prefix') ?? ''),
    ),
  }),
  nodes: () => ({
    items: [
      { id: 'a', name: 'bridge', self: true, state: 'alive' },
      { id: 'b', name: 'hold', self: false, state: 'banned' },
      { id: 'c', name: 'two words\n', self: false, state: 'alive' },
    ],
  }),
  keeps: () => ({
    items: [
      {
        pattern: 'docker.io/library/*',
        configured: false,
        tags: 4,
        setAt: 'then',
        note: 'a\nb\tc',
      },
      { pattern: 'of.the/configuration', configured: true, tags: 0 },
    ],
    tags: 4,
  }),
  bans: () => ({ items: [{ key: 'f'.repeat(64), name: 'hold', setAt: 't', setOn: 'n' }] }),
  schedules: () => ({ items: [] }),
}

/** The lines for this kind and what is typed. */
async function complete(...words: readonly string[]): Promise<readonly string[]> {
  const { env } = await scriptAdmin(t, url => {
    const page = pages[url.pathname.replace('/api/v1/', '')]
    return page === undefined ? [404, {}] : [200, page(url)]
  })
  const { code, out, err } = await cli(['__complete', ...words], { env })
  t.match({ code, err }, { code: 0, err: '' })
  return out.split('\n').slice(0, -1)
}

t.test('tags are offered as somebody writes them who began so', async t => {
  t.strictSame(await complete('tags', 'ng'), [
    'nginx.example/a:1\tupstream',
    'nginx:1.27\tpinned',
    'nginx:latest\tupstream',
  ])
  t.strictSame(await complete('tags', 'ac'), ['acme/web:1\tupstream'])
  t.strictSame(await complete('tags', 'docker.io/l'), [
    'docker.io/library/nginx:1.27\tpinned',
    'docker.io/library/nginx:latest\tupstream',
  ])
  t.equal((await complete('tags', '')).length, known.length, 'each once')
  t.strictSame(await complete('repositories', 'ngi'), ['nginx.example/a\t', 'nginx\t'])
})

t.test('other names are offered with what they mean, each in one line', async t => {
  t.strictSame(await complete('nodes'), ['bridge\talive'])
  t.strictSame(await complete('keeps'), ['docker.io/library/*\ta b c'])
  t.strictSame(await complete('bans', 'h'), ['hold\t'])
  t.strictSame(await complete('schedules'), [])
})

t.test('where nothing can be asked nothing is said', async t => {
  t.strictSame(await complete('jobs'), [], 'a node of another kind')
  const env = { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_ADMIN_TOKEN: 'x' }
  t.match(await cli(['__complete', 'tags', ''], { env }), { code: 0, out: '', err: '' })
  const faulty = { HOLDFAST_MODE: 'nonsense' }
  t.match(await cli(['__complete', 'pins', ''], { env: faulty }), { code: 0, out: '', err: '' })
})

t.test('a node that does not answer is not waited for', async t => {
  const port = await listen(
    t,
    createServer(() => {}),
  )
  const env = { HOLDFAST_ADDRESS: `127.0.0.1:${port}`, HOLDFAST_ADMIN_TOKEN: 'x' }
  t.match(await cli(['__complete', 'nodes'], { env }), { code: 0, out: '', err: '' })
})

t.test('what a node does not list is a mistake', async t => {
  t.match(await cli(['__complete', 'wishes']), { code: 2, err: /"wishes" is nothing that a node/ })
})
