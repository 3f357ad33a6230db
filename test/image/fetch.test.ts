import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { archiveOfMachine, fetchDeb } from '../../image/fetch.ts'

const content = Buffer.from('a package')
const deb = {
  name: 'libc6',
  version: '2.41-12+deb13u5',
  architecture: 'amd64',
  archive: 'debian',
  path: 'pool/main/g/glibc/libc6_2.41-12+deb13u5_amd64.deb',
  sha256: createHash('sha256').update(content).digest('hex'),
} as const

/** An archive that has these bytes at one path; what it was asked for. */
async function serve(t: Test, path: string, bytes: Buffer) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const url = decodeURIComponent(request.url ?? '')
    asked.push(url)
    response.statusCode = url === path ? 200 : 404
    response.end(url === path ? bytes : '')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { asked, archive: `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian` }
}

t.test('a package is fetched once, and again when its copy was damaged', async t => {
  const { asked, archive } = await serve(t, `/debian/${deb.path}`, content)
  const cache = join(t.testdir(), 'cache')
  const path = await fetchDeb(deb, { cache, archive })
  t.same(await readFile(path), content)
  await fetchDeb(deb, { cache, archive: undefined })
  t.equal(asked.length, 1)
  await writeFile(path, 'damaged')
  await fetchDeb(deb, { cache, archive })
  t.same(await readFile(path), content)
  t.equal(asked.length, 2)
  t.equal((await readdir(cache)).length, 1, 'nothing else stays')
})

t.test('a security update is taken from the archive beside it', async t => {
  const { archive } = await serve(t, `/debian-security/${deb.path}`, content)
  const update = { ...deb, archive: 'debian-security' } as const
  const path = await fetchDeb(update, { cache: t.testdir(), archive })
  t.same(await readFile(path), content)
})

t.test('what is not what was pinned is refused, and not kept', async t => {
  const { archive } = await serve(t, `/debian/${deb.path}`, Buffer.from('another'))
  const cache = t.testdir()
  await t.rejects(fetchDeb(deb, { cache, archive }), { code: 'changed' })
  t.same(await readdir(cache), [])
})

t.test('it is told why a package cannot be had', async t => {
  const { archive } = await serve(t, '/elsewhere', content)
  const cache = t.testdir()
  await t.rejects(fetchDeb(deb, { cache, archive }), { code: 'gone', message: /image:pin/ })
  const nobody = 'http://127.0.0.1:1/debian'
  await t.rejects(fetchDeb(deb, { cache, archive: nobody }), { code: 'unreachable' })
  const nowhere = fetchDeb(deb, { cache, archive: undefined })
  await t.rejects(nowhere, { code: 'unreachable', message: /--debian/ })
})

t.test('the archive of a machine is found in both forms of its sources', async t => {
  const etc = t.testdir()
  t.equal(await archiveOfMachine(etc), undefined)
  const signed = 'deb [signed-by=/x.gpg arch=amd64] http://archive.test/debian trixie main\n'
  await writeFile(join(etc, 'sources.list'), signed)
  t.equal(await archiveOfMachine(etc), 'http://archive.test/debian')
  await mkdir(join(etc, 'sources.list.d'))
  const sources = 'Types: deb\nURIs: http://other.test/debian/\nSuites: trixie\n'
  await writeFile(join(etc, 'sources.list.d', 'debian.sources'), sources)
  t.equal(await archiveOfMachine(etc), 'http://other.test/debian')
})
