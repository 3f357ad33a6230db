import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { systemEntries } from '../../deb/package.ts'

const entries = await systemEntries(join(import.meta.dirname, '../..'))
const files = new Map(entries.map(({ path, data }) => [path, String(data)]))
const documents = 'usr/share/doc/holdfast'

/** Where a page leads, but for other sites; what stands in blocks is no link. */
function linksOf(page: string): readonly string[] {
  const prose = page.replaceAll(/^```.*?^```$/gms, '')
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return links.filter(link => !/^[a-z]+:/.test(link))
}

/** What GitHub makes of headings. */
const anchorsOf = (page: string): readonly string[] =>
  [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-'),
  )

t.test('each link of a document of the package leads to a file of it', async t => {
  let count = 0
  for (const [path, page] of files) {
    if (!path.endsWith('.md')) continue
    for (const link of linksOf(page)) {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : normalize(join(dirname(path), file))
      const there = files.get(target)
      const isThere =
        there !== undefined && (anchor === undefined || anchorsOf(there).includes(anchor))
      t.ok(isThere, `${path}: ${link}`)
      count += 1
    }
  }
  t.ok(count > 100, `${count} links`)
})

t.test('each file that the package names beside its documents is there', async t => {
  const named = [...files].flatMap(([path, text]) => {
    const names = text.matchAll(/\/(usr\/share\/doc\/holdfast\/[\w./-]*\w)/g)
    return [...names].map(([, name = '']) => ({ path, name }))
  })
  // Of the build, which is not at hand here.
  const built = [`${documents}/sbom.cdx.json`]
  for (const { path, name } of named) {
    t.ok(files.has(name) || built.includes(name), `${path}: ${name}`)
  }
  t.ok(named.length > 4, `${named.length} names`)
})

t.test('the alert rules and the dashboard are those of the chart', async t => {
  const chart = `${documents}/helm/holdfast`
  t.match(files.get(`${chart}/alerts/holdfast.yaml`), /alert: HoldfastDown/)
  t.equal(JSON.parse(files.get(`${chart}/dashboards/holdfast.json`) ?? '').uid, 'holdfast')
})
