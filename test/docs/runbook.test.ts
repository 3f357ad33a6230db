import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { parseCommandLine } from '../../src/cli/command-line.ts'

const root = join(import.meta.dirname, '../..')
const { groups } = parse(
  readFileSync(join(root, 'helm/holdfast/alerts/holdfast.yaml'), 'utf8'),
) as {
  groups: { rules: { alert: string; annotations: Record<string, string> }[] }[]
}
const rules = groups.flatMap(group => group.rules)
const page = readFileSync(join(root, 'docs/runbook.md'), 'utf8')
const entries = page.split(/^## /m).slice(1)

t.test('each alert has an entry in the runbook, in the same order, and names it', async t => {
  t.ok(rules.length > 15, `${rules.length} alerts`)
  t.strictSame(
    entries.map(entry => entry.split('\n')[0]),
    rules.map(({ alert }) => alert),
  )
  for (const { alert, annotations } of rules) {
    t.equal(annotations['runbook_url'], `docs/runbook.md#${alert.toLowerCase()}`)
    t.ok(annotations['summary'])
    t.ok(annotations['description'])
  }
})

t.test('each entry says what to do and how it is seen that it is over', async t => {
  for (const entry of entries) {
    const [name = ''] = entry.split('\n')
    t.match(entry, /^- /m, name)
    t.match(entry, /^Over: /m, name)
  }
})

t.test('each command of the runbook is one', async t => {
  const lines = [...page.matchAll(/`holdfast ([^`]+)`/g)].map(([, line = '']) => line)
  t.ok(lines.length > 25, `${lines.length} commands`)
  for (const line of lines) {
    t.ok(parseCommandLine(line.split(' ')).command, line)
  }
})

t.test('what is pulled while a node is down is told as in the README', async t => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [, down = ''] = /^\| `auto`.*\| ([^|]+) \|$/m.exec(readme) ?? []
  t.match(down, /whoever stood there last/)
  t.ok(entries[0]?.includes(`With \`auto\` it is ${down}`), down)
})
