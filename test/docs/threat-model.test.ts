import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/threat-model.md'), 'utf8')

/** Each point of the page as one line. */
const points = page
  .split(/\n(?=- |#|\n)/)
  .filter(text => text.startsWith('- '))
  .map(text => text.replaceAll(/\s+/g, ' '))

/** Paths under `test/` in brackets, without their ending. */
const testsIn = (text: string): readonly string[] =>
  [...text.matchAll(/\(([^()]*)\)/g)].flatMap(([, inside = '']) =>
    [...inside.matchAll(/(?<![\w./-])[a-z0-9-]+(?:\/[a-z0-9-]+)+(?![\w/])/g)].map(([path]) => path),
  )

t.test('each point of the threat model names its tests, or says that there is none', async t => {
  t.ok(points.length > 30, `${points.length} points`)
  for (const point of points) {
    t.ok(testsIn(point).length > 0 || point.includes('(no test'), point.slice(0, 80))
  }
})

t.test('the tests it names are there', async t => {
  const named = new Set(testsIn(page.replaceAll(/\s+/g, ' ')))
  t.ok(named.size > 30, `${named.size} tests`)
  for (const path of named) t.ok(existsSync(join(root, 'test', `${path}.test.ts`)), path)
})
