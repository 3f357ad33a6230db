import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { fileReason, writeReason } from '../../src/config/file-words.ts'

t.test('why a file cannot be read or written is told in words', async t => {
  const dir = t.testdir({ file: '' })
  const reading = (path: string) => readFile(join(dir, path)).then(String, fileReason)
  t.equal(await reading('none'), 'there is no such file')
  t.equal(await reading('.'), 'it is a directory')
  t.equal(await reading('file/below'), 'a part of the path is no directory')
  const writing = (path: string) => writeFile(join(dir, path), '').then(String, writeReason)
  t.equal(await writing('none/below'), 'there is no such directory')
  t.equal(await writing('.'), 'it is a directory')
  t.equal(fileReason(Object.assign(new Error('x'), { code: 'EMFILE' })), 'EMFILE')
  t.equal(fileReason('x'), 'unknown error')
})
