import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { toJsonSchema } from '../../src/config/json-schema.ts'
import { rootNode } from '../../src/config/schema.ts'
import { parseRegistry } from '../../src/oci/reference.ts'

const schema = toJsonSchema(rootNode)
const directory = join(import.meta.dirname, '../..')
const readYaml = async (file: string): Promise<unknown> =>
  parse(await readFile(join(directory, file), 'utf8'))

t.test('config/holdfast.schema.json is what the list of keys makes', async t => {
  const text = await readFile(join(directory, 'config/holdfast.schema.json'), 'utf8')
  t.equal(text, `${JSON.stringify(schema, null, 2)}\n`, 'else: npm run generate')
})

t.test('the schema accepts the files that the program accepts', async t => {
  t.ok(Value.Check(schema, await readYaml('config/holdfast.yaml')))
  t.ok(Value.Check(schema, await readYaml('test/fixtures/config/every-key.yaml')))
  const upstreams = {
    'docker.io': {
      endpoints: ['https://a.lan', { url: 'http://b.lan', auth: { token: 't' } }],
    },
  }
  t.ok(Value.Check(schema, { upstreams, store: { quotaBytes: 5, minFreeBytes: '5%' } }))
})

t.test('the schema knows the names that a registry may have', async t => {
  for (const name of ['*', 'docker.io', 'Registry.LAN:5000', 'localhost', '[::1]:5000', 'r:443']) {
    t.ok(Value.Check(schema, { upstreams: { [name]: {} } }), name)
    t.ok(name === '*' || parseRegistry(name) !== undefined, 'as the program does')
  }
})

t.test('the schema refuses what the program refuses', async t => {
  for (const wrong of [
    { mode: 'x' },
    { nope: 1 },
    { resolve: { timeoutMs: '5s' } },
    { store: { quotaBytes: '5 apples' } },
    { upstreams: { 'docker.io': { endpoints: [{ auth: 5 }] } } },
    { upstreams: { 'docker.io': { uri: 'https://x' } } },
    { upstreams: { 'docker.io': { url: 'ftp://x' } } },
    { upstreams: { 'https://ghcr.io': {} } },
    { upstreams: { 'ghcr.io/foo': {} } },
    { upstreams: { 'ghcr.io:': {} } },
    { upstreams: { registry: {} } },
  ]) {
    t.notOk(Value.Check(schema, wrong), JSON.stringify(wrong))
  }
})

t.test('our own annotations stay with us', async t => {
  t.notMatch(JSON.stringify(schema), /"x-/)
})
