import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { openDropFolder } from '../../../src/adapters/drop-folder/open-drop-folder.ts'
import { silentLog } from '../../../src/ports/log.ts'

async function open(t: Test, path: string, errorDir = join(t.testdirName, 'drop-errors')) {
  const files = await openDropFolder({ path, errorDir, log: silentLog })
  t.teardown(() => files.close())
  return files
}

const fault = { file: 'a.tar', at: '2026-11-21T12:00:00Z', code: 'tar', reason: 'broken' }

t.test(
  'regular files are listed, below folders too; links and K3s its own folder are not',
  async t => {
    const dir = t.testdir({
      'a.tar': 'aaa',
      below: { 'b.tar': 'bb', deeper: { 'c.txt': 'c' } },
      agent: { images: { 'k3s.tar': 'not ours' } },
    })
    await symlink('/etc/passwd', join(dir, 'link.tar'))
    await symlink('/etc', join(dir, 'linked'))
    const files = await open(t, dir)
    const listed = await files.list()
    t.strictSame(listed.map(({ path, size }) => `${path} ${size}`).sort(), [
      'a.tar 3',
      'below/b.tar 2',
      'below/deeper/c.txt 1',
    ])
    t.ok(listed.every(({ mtimeMs }) => Number.isInteger(mtimeMs)))
    await utimes(join(dir, 'a.tar'), 1, 1)
    const touched = (await files.list()).find(({ path }) => path === 'a.tar')
    t.equal(touched?.mtimeMs, 1_000)
    t.ok((touched?.ctimeMs ?? 0) > Date.now() - 600_000, 'nobody sets this time')
    const chunks: Uint8Array[] = []
    for await (const chunk of files.open('below/b.tar')) chunks.push(chunk)
    t.equal(Buffer.concat(chunks).toString(), 'bb')
  },
)

t.test('what is passed over is told once', async t => {
  const dir = t.testdir({})
  await symlink('/etc/passwd', join(dir, 'link.tar'))
  await symlink('/etc/passwd', join(dir, '..data'))
  await writeFile(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from('é.tar', 'latin1')]), '')
  const told: string[] = []
  const log = { ...silentLog, warn: (_: unknown, message: string) => void told.push(message) }
  const files = await openDropFolder({ path: dir, errorDir: dir, log })
  t.teardown(() => files.close())
  t.strictSame([await files.list(), await files.list()], [[], []])
  t.match(told.sort(), [/it is a link/, /its name is not UTF-8/])
  t.equal(told.length, 2)
})

t.test('a folder that is not there holds nothing, and is found when it comes', async t => {
  const path = join(t.testdir(), 'stick')
  const files = await open(t, path)
  t.strictSame(await files.list(), [])
  await mkdir(path)
  await writeFile(join(path, 'a.tar'), 'a')
  t.equal((await files.list()).length, 1)
})

t.test('what happens in it is heard', async t => {
  const dir = t.testdir({ 'a.tar': 'a' })
  const files = await open(t, dir)
  const heard = Promise.withResolvers<void>()
  t.teardown(files.onChange(heard.resolve))
  let written = 0
  // Who begins to watch is not told when that is: so something happens until it is heard.
  const writing = setInterval(() => void writeFile(join(dir, 'b.tar'), `${written++}`), 50)
  await heard.promise
  clearInterval(writing)
  t.pass('heard')
})

t.test('a fault is told beside the file, and taken back', async t => {
  const dir = t.testdir({ below: { 'a.tar': 'a' } })
  const files = await open(t, dir)
  const told = join(dir, 'below/a.tar.error.json')
  await files.tell('below/a.tar', fault)
  t.strictSame(JSON.parse(await readFile(told, 'utf8')), fault)
  await files.tell('below/a.tar', undefined)
  t.strictSame(await readdir(join(dir, 'below')), ['a.tar'])
})

t.test('where the folder cannot be written it is told in our own directory', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-drop-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  const errorDir = join(dir, 'drop-errors')
  // A file in the place of the folder: root may write everywhere else.
  await writeFile(join(dir, 'stick'), '')
  const files = await open(t, join(dir, 'stick'), errorDir)
  await files.tell('below/a.tar', fault)
  t.strictSame(await readdir(errorDir, { recursive: true }), ['below', 'below/a.tar.error.json'])
  await files.tell('below/a.tar', undefined)
  t.strictSame(await readdir(join(errorDir, 'below')), [])
})

t.test(
  'K3s its own folder is refused, by a link as well, whatever its data directory is',
  async t => {
    const dir = t.testdir({ srv: { k3s: { agent: { images: { sub: {} } } } } })
    const images = join(dir, 'srv/k3s/agent/images')
    await symlink(images, join(dir, 'innocent'))
    for (const path of [images, join(images, 'sub'), join(dir, 'innocent')]) {
      await t.rejects(openDropFolder({ path, errorDir: dir, log: silentLog }), {
        code: 'config-invalid',
        message: /dropFolder.path: .*name another folder/,
      })
    }
  },
)

t.test(
  'folders that a dot hides are not looked into: old and unfinished copies lie there',
  async t => {
    const dir = t.testdir({
      'a.tar': '',
      '.rsync-partial': { 'b.tar': '' },
      '.stversions': { deep: { 'c.tar': '' } },
      '..2026_11_21': { 'list.txt': 'nginx' },
    })
    const files = await open(t, dir)
    const listed = await files.list()
    t.strictSame(listed.map(({ path }) => path).sort(), ['..2026_11_21/list.txt', 'a.tar'])
  },
)

t.test('no link is followed, wherever one was put meanwhile', async t => {
  const dir = t.testdir({ drop: { 'a.tar': 'a' }, secret: 'secret' })
  const drop = join(dir, 'drop')
  const files = await open(t, drop)
  await files.list()
  await rm(join(drop, 'a.tar'))
  await symlink('../secret', join(drop, 'a.tar'))
  await t.rejects(buffer(files.open('a.tar')), { code: 'ELOOP' })
  for (const name of ['a.tar.error.json', 'a.tar.error.json.new']) {
    await symlink('../secret', join(drop, name))
  }
  await files.tell('a.tar', fault)
  t.strictSame(JSON.parse(await readFile(join(drop, 'a.tar.error.json'), 'utf8')), fault)
  t.equal(await readFile(join(dir, 'secret'), 'utf8'), 'secret')
})

t.test('a pipe in the place of a file holds nobody up', async t => {
  const dir = t.testdir()
  const files = await open(t, dir)
  await promisify(execFile)('mkfifo', [join(dir, 'a.tar')])
  t.equal((await buffer(files.open('a.tar'))).length, 0)
})

t.test('where the stick was pulled no folder is made in its place', async t => {
  const dir = t.testdir({ stick: {} })
  const files = await open(t, join(dir, 'stick'))
  await files.tell('below/a.tar', fault)
  t.strictSame(await readdir(join(dir, 'stick')), [])
  t.match(
    await readFile(join(t.testdirName, 'drop-errors/below/a.tar.error.json'), 'utf8'),
    'broken',
  )
  await files.tell('below/a.tar', undefined)
  t.strictSame(await readdir(join(t.testdirName, 'drop-errors/below')), [])
})

t.test('what is told of a long name has a name of its own, beside the file', async t => {
  const dir = t.testdir()
  const files = await open(t, dir)
  const names = ['ä', 'b'].map(last => `${'ä'.repeat(120)}${last}.tar`)
  for (const file of names) await files.tell(file, { ...fault, file })
  const told = await readdir(dir)
  t.equal(told.length, 2)
  t.ok(told.every(name => name.startsWith('ää') && name.endsWith('.error.json')))
  for (const name of names) await files.tell(name, undefined)
  t.strictSame(await readdir(dir), [])
})
