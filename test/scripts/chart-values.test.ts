import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { readChartValues, toValuesSchema, withValuesTable } from '../../scripts/chart-values.ts'
import { toJsonSchema } from '../../src/config/json-schema.ts'
import { rootNode } from '../../src/config/schema.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const schemaOf = (text: string) =>
  toValuesSchema(readChartValues(text), toJsonSchema(rootNode)) as { properties: object }

t.test('every value of the chart is told, and its defaults are what the schema allows', async t => {
  const text = read('helm/holdfast/values.yaml')
  t.ok(Value.Check(schemaOf(text), parse(text)))
  t.ok(Value.Check(schemaOf(text), { config: parse(read('config/holdfast.yaml')) }))
})

const small = `# About the file.

# Which it is. One of near, far.
where: near
# Verbatim.
config: {}
# Of the image, all of it.
image:
  # Its tag,
  # or none.
  tag: ""
  # How many.
  count: 3
# Names.
names: []
# Memory, as in Kubernetes.
resources:
  limits: { memory: 1Gi }
`

t.test('a value is what its default and its comment say', async t => {
  t.match(schemaOf(small).properties, {
    where: { enum: ['near', 'far'], description: 'Which it is. One of near, far.' },
    config: { description: 'Verbatim.', properties: { resolve: {} } },
    image: {
      additionalProperties: false,
      properties: {
        tag: { type: 'string', description: 'Its tag, or none.' },
        count: { type: 'integer' },
      },
    },
    names: { type: 'array', items: { type: 'string' } },
    resources: { type: 'object', properties: undefined },
  })
  const check = (values: object) => Value.Check(schemaOf(small), values)
  t.ok(check({ where: 'far', resources: { requests: { cpu: 1 } }, global: {} }))
  for (const wrong of [{ where: 'here' }, { nope: 1 }, { image: { nope: 1 } }, { names: [1] }]) {
    t.notOk(check(wrong), JSON.stringify(wrong))
  }
})

t.test('the page gets a row for each, between its marks', async t => {
  const page = 'a\n<!-- values -->\nold\n<!-- /values -->\nb\n'
  const made = withValuesTable(page, readChartValues(small))
  t.match(made, /^a\n<!-- values -->\n\| value [\s\S]*\n<!-- \/values -->\nb\n$/)
  t.match(
    made,
    '| `image` | | Of the image, all of it. |\n| `image.tag` | `""` | Its tag, or none. |',
  )
  t.match(made, '| `resources` | `{"limits":{"memory":"1Gi"}}` |')
  t.notMatch(made, 'old')
  t.equal(withValuesTable(made, readChartValues(small)), made)
  t.throws(() => withValuesTable('a', []), /no <!-- values -->/)
})

t.test('a value without a comment is a fault', async t => {
  t.throws(() => readChartValues('# a\na: 1\nb: 2\n'), /b has no comment/)
  t.throws(() => readChartValues('- 1\n'), /no mapping/)
  t.throws(() => readChartValues('a: [\n'))
})

t.test('the chart has the version of the program', async t => {
  const { appVersion } = parse(read('helm/holdfast/Chart.yaml'))
  t.equal(appVersion, JSON.parse(read('package.json')).version)
})
