import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { link, open } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { findWriters } from '../../../src/adapters/drop-folder/find-writers.ts'

/** Who writes one file. */
const findWriter = async (path: string) => (await findWriters([path])).get(path)

const hasProc = existsSync('/proc/self/fdinfo')

t.test('a file is being written while somebody has it open for writing', async t => {
  const path = join(t.testdir({ 'a.tar': 'a' }), 'a.tar')
  t.equal(await findWriter(path), undefined)
  for (const mode of ['a', 'r+', 'w']) {
    const file = await open(path, mode)
    const found = await findWriter(path)
    if (hasProc) t.match(found, { pid: process.pid, name: String }, mode)
    await file.close()
    t.equal(await findWriter(path), undefined, `${mode}, closed`)
  }
})

t.test('who only reads it writes nothing, and nor does who writes its neighbour', async t => {
  const dir = t.testdir({ 'a.tar': 'a', 'b.tar': 'b' })
  const reader = await open(join(dir, 'a.tar'), 'r')
  const neighbour = await open(join(dir, 'b.tar'), 'a')
  t.equal(await findWriter(join(dir, 'a.tar')), undefined)
  await reader.close()
  await neighbour.close()
})

t.test('another process is found, by whatever name it opened the file', async t => {
  if (!hasProc) return t.comment('there is no /proc here')
  const dir = t.testdir({ 'a.tar': 'a', linked: t.fixture('symlink', '.') })
  const writer = spawn('sh', ['-c', 'exec 3>>linked/a.tar; echo open; read line'], { cwd: dir })
  await once(writer.stdout, 'data')
  t.match(await findWriter(join(dir, 'a.tar')), { pid: writer.pid, name: 'sh' })
  writer.stdin.end('\n')
  await once(writer, 'exit')
  t.equal(await findWriter(join(dir, 'a.tar')), undefined)
})

t.test('a file that is not there is written by nobody', async t => {
  t.equal(await findWriter(join(t.testdir({}), 'none')), undefined)
})

t.test('several files are looked for at once', async t => {
  const dir = t.testdir({ 'a.tar': 'a', 'b.tar': 'b', 'c.tar': 'c' })
  const paths = ['a.tar', 'b.tar', 'c.tar', 'none'].map(name => join(dir, name))
  const files = await Promise.all(paths.slice(1, 3).map(path => open(path, 'a')))
  const found = await findWriters(paths)
  if (hasProc) t.strictSame([...found.keys()].sort(), paths.slice(1, 3))
  const second = join(dir, 'd.tar')
  await link(join(dir, 'b.tar'), second)
  const both = await findWriters([...paths, second])
  if (hasProc) t.ok(both.has(second), 'by each of its names')
  for (const file of files) await file.close()
  t.equal((await findWriters(paths)).size, 0)
})
