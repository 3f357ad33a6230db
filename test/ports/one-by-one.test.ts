import t from 'tap'
import { createOneByOne, createOneByOneOfEach } from '../../src/ports/one-by-one.ts'

/** Work that begins when it is its turn and ends when it is told to. */
function makeWork() {
  const log: string[] = []
  const ends = new Map<string, () => void>()
  const work = (name: string) => () => {
    log.push(`begin ${name}`)
    return new Promise<string>((resolve, reject) => {
      ends.set(name, () => (name.startsWith('bad') ? reject(new Error(name)) : resolve(name)))
    })
  }
  return { log, work, end: (name: string) => ends.get(name)?.() }
}
const turn = () => new Promise(resolve => setImmediate(resolve))

t.test('one waits for the one before, whatever became of that', async t => {
  const { log, work, end } = makeWork()
  const inTurn = createOneByOne()
  const bad = inTurn(work('bad'))
  const good = inTurn(work('good'))
  await turn()
  t.strictSame(log, ['begin bad'])
  end('bad')
  await t.rejects(bad, { message: 'bad' })
  await turn()
  end('good')
  t.equal(await good, 'good')
})

t.test('what concerns another thing does not wait', async t => {
  const { log, work, end } = makeWork()
  const inTurn = createOneByOneOfEach()
  const bad = inTurn('a', work('bad'))
  const second = inTurn('a', work('second'))
  void inTurn('b', work('other'))
  await turn()
  t.strictSame(log, ['begin bad', 'begin other'])
  end('bad')
  await t.rejects(bad, { message: 'bad' })
  await turn()
  t.strictSame(log, ['begin bad', 'begin other', 'begin second'])
  end('second')
  t.equal(await second, 'second')
  const again = inTurn('a', work('again'))
  await turn()
  end('again')
  t.equal(await again, 'again')
})
