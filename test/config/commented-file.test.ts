import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { toCommentedFile } from '../../src/config/commented-file.ts'
import { keys } from '../../src/config/keys.ts'
import { loadConfig } from '../../src/config/load.ts'

const file = join(import.meta.dirname, '../../config/holdfast.yaml')
const nothingElse = { env: {}, flags: [], isTerminal: false }

t.test('config/holdfast.yaml is what the list of keys makes', async t => {
  t.equal(await readFile(file, 'utf8'), toCommentedFile(keys), 'else: npm run generate')
})

t.test('config/holdfast.yaml read back is the defaults', async t => {
  const origin = { kind: 'flag', name: '--config' } as const
  const loaded = await loadConfig({ file: { path: file, origin }, ...nothingElse })
  const defaults = await loadConfig({ file: undefined, ...nothingElse })
  t.strictSame(loaded.faults, [])
  t.strictSame(loaded.config, defaults.config)
})

t.test(
  'every key stands in config/holdfast.yaml under its own name, with a comment above it',
  async t => {
    const lines = toCommentedFile(keys).split('\n')
    const tree: unknown = parse(lines.join('\n'))
    for (const { path } of keys) {
      const parent = path
        .slice(0, -1)
        .reduce<unknown>((node, name) => Reflect.get(Object(node), name), tree)
      t.ok(Object.hasOwn(Object(parent), path.at(-1) ?? ''), path.join('.'))
    }
    for (const [index, line] of lines.entries()) {
      if (/^ *[a-zA-Z]+:/.test(line)) t.match(lines[index - 1], /^ *# .|^upstreams:/, line)
    }
  },
)
