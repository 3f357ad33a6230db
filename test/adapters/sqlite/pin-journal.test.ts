import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createPinJournal } from '../../../src/adapters/sqlite/pin-journal.ts'
import { canMount, mount } from '../../support/mount.ts'
import { createHeardLog, makeDirectory } from './support.ts'

const record = (name: string) => ({
  body: Buffer.from(`body of ${name}`),
  signature: Buffer.from(`signature of ${name}`),
})

async function open(t: Test) {
  const file = join(await makeDirectory(t), 'pins.journal')
  const log = createHeardLog()
  return { journal: createPinJournal(file, log), file, log }
}

t.test('what was appended is read back in order', async t => {
  const { journal, log } = await open(t)
  t.strictSame(journal.read(), [])
  journal.append([record('a'), record('b')])
  journal.append([record('c')])
  t.strictSame(journal.read(), ['a', 'b', 'c'].map(record))
  t.strictSame(log.lines, [])
})

t.test('an append can be taken back', async t => {
  const { journal } = await open(t)
  journal.append([record('a')])
  const takeBack = journal.append([record('b'), record('c')])
  takeBack()
  t.strictSame(journal.read(), [record('a')])
  journal.append([record('d')])
  t.strictSame(journal.read(), ['a', 'd'].map(record))
})

t.test('a torn end costs the torn line alone, also after the next append', async t => {
  const { journal, file } = await open(t)
  journal.append([record('a'), record('b')])
  const { length } = await readFile(file)
  await truncate(file, length - 25)
  t.strictSame(journal.read()[0], record('a'))
  journal.append([record('c')])
  const read = journal.read()
  t.strictSame(read[0], record('a'))
  t.strictSame(read.at(-1), record('c'))
})

t.test('rubbish between lines is passed over', async t => {
  const { journal, file } = await open(t)
  journal.append([record('a')])
  await appendFile(file, '\u0000\u0000\u0000\n\nhalf.\n.half\na.b.c\n')
  journal.append([record('b')])
  t.strictSame(journal.read(), ['a', 'b'].map(record))
})

t.test('it can be rewritten to what is in force', async t => {
  const { journal, file } = await open(t)
  journal.append([record('a'), record('b')])
  journal.rewrite([record('b')])
  t.strictSame(journal.read(), [record('b')])
  t.equal((await readFile(file, 'utf8')).split('\n').length, 2)
})

t.test('a journal that cannot be read is reported and empty', async t => {
  const { log } = await open(t)
  const directory = await makeDirectory(t)
  t.strictSame(createPinJournal(directory, log).read(), [])
  t.match(log.lines, [{ level: 'error', message: 'pin journal not read' }])
  await writeFile(join(directory, 'x'), '')
})

if (canMount) {
  t.test('on a disk that gets full, what was taken is there whole', async t => {
    const disk = await mount(t, ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs'])
    const journal = createPinJournal(join(disk, 'pins.journal'), createHeardLog())
    let taken = 0
    const fill = () => {
      for (; taken < 1_000; taken++) journal.append([record(`${taken}`)])
    }
    t.throws(fill, { code: 'ENOSPC' })
    t.ok(taken > 0)
    t.strictSame(
      journal.read().slice(0, taken),
      Array.from({ length: taken }, (_, n) => record(`${n}`)),
    )
  })
}
