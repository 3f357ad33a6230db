import { readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { toCommentedFile } from '../src/config/commented-file.ts'
import { toJsonSchema } from '../src/config/json-schema.ts'
import { keys } from '../src/config/keys.ts'
import { rootNode } from '../src/config/schema.ts'
import { toOpenApi } from '../src/http/admin/open-api.ts'
import { operations } from '../src/http/admin/operations.ts'
import { toApiPage } from './api-page.ts'
import { readChartValues, toValuesSchema, withValuesTable } from './chart-values.ts'
import { toDashboard } from './dashboard/dashboard.ts'

const root = join(import.meta.dirname, '..')
const chart = join(root, 'helm/holdfast')
const chartValues = readChartValues(await readFile(join(chart, 'values.yaml'), 'utf8'))
const chartPage = await readFile(join(chart, 'README.md'), 'utf8')

/** Every file that is made from the sources, as path → text. */
const artefacts: ReadonlyMap<string, string> = new Map([
  [join(root, 'config/holdfast.yaml'), toCommentedFile(keys)],
  [
    join(root, 'config/holdfast.schema.json'),
    `${JSON.stringify(toJsonSchema(rootNode), null, 2)}\n`,
  ],
  [
    join(root, 'docs/openapi.json'),
    `${JSON.stringify(toOpenApi(Object.values(operations)), null, 2)}\n`,
  ],
  [
    join(root, 'helm/holdfast/dashboards/holdfast.json'),
    `${JSON.stringify(toDashboard(), null, 2)}\n`,
  ],
  [join(root, 'docs/api.md'), toApiPage(Object.values(operations))],
  [
    join(chart, 'values.schema.json'),
    `${JSON.stringify(toValuesSchema(chartValues, toJsonSchema(rootNode)), null, 2)}\n`,
  ],
  [join(chart, 'README.md'), withValuesTable(chartPage, chartValues)],
])

const isCheck = process.argv.includes('--check')
for (const [file, text] of artefacts) {
  if (!isCheck) {
    await writeFile(file, text)
  } else if ((await readFile(file, 'utf8').catch(() => undefined)) !== text) {
    process.stderr.write(`${relative(root, file)} is not what the sources make: npm run generate\n`)
    process.exitCode = 1
  }
}
