import { join } from 'node:path'
import t from 'tap'
import { readImageList } from '../../src/cli/read-image-list.ts'

const files = {
  'lines.txt': '# voyage\nnginx:1.27 # web\n\nredis:7\n',
  'under.yaml': 'images:\n  - nginx:1.27\n  - redis:7\n',
  'bare.yml': '- nginx:1.27\n- redis:7\n',
  'open.yaml': 'images:\n  - nginx:1.27\na: [b\n',
  'open.txt': 'nginx:1.27\na: [b\n',
  'line.txt': '# voyage\n\nNGINX:1\n',
  'item.yaml': 'images:\n  - nginx:1.27\n\n  - redis 7\n',
  'number.yaml': 'images:\n  - 7\n',
  'none.txt': '# nothing\n',
}

t.test('a list is lines, or YAML', async t => {
  const dir = t.testdir(files)
  for (const name of ['lines.txt', 'under.yaml', 'bare.yml']) {
    t.strictSame(await readImageList(join(dir, name)), ['nginx:1.27', 'redis:7'], name)
  }
})

t.test('what is wrong with one is told with the file and the line', async t => {
  const dir = t.testdir(files)
  for (const [name, said] of [
    ['open.yaml', /open\.yaml, line 4: .* is not finished/],
    ['open.txt', /open\.txt, line 2: .*a: \[b/],
    ['line.txt', /line\.txt, line 3: .*NGINX/],
    ['item.yaml', /item\.yaml, line 4: .*redis 7/],
    ['number.yaml', /number\.yaml, line 1: .*images:/],
    ['none.txt', /none\.txt names no image/],
  ] as const) {
    await t.rejects(readImageList(join(dir, name)), { code: 'usage', message: said }, name)
  }
})
