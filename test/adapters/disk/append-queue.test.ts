import t from 'tap'
import { createAppendQueue } from '../../../src/adapters/disk/append-queue.ts'

t.test('what waits while a write runs is written in one go, in order', async t => {
  const batches: string[] = []
  const first = Promise.withResolvers<void>()
  const queue = createAppendQueue(async chunks => {
    batches.push(Buffer.concat(chunks).toString())
    if (batches.length === 1) await first.promise
  })
  const all = ['a', 'b', 'c'].map(text => queue.append(Buffer.from(text)))
  t.strictSame(batches, ['a'])
  first.resolve()
  await Promise.all(all)
  t.strictSame(batches, ['a', 'bc'])
  await queue.append(Buffer.from('d'))
  t.strictSame(batches, ['a', 'bc', 'd'])
})

t.test('after a failure nothing more is written, so that no gap comes about', async t => {
  let writes = 0
  const queue = createAppendQueue(() => {
    writes += 1
    return Promise.reject(new Error('broken'))
  })
  const all = ['a', 'b'].map(text => queue.append(Buffer.from(text)))
  await Promise.all(all.map(one => t.rejects(one, /broken/)))
  await t.rejects(queue.append(Buffer.from('c')), /broken/)
  t.equal(writes, 1)
  t.match(queue.failure, { message: 'broken' })
})

t.test('it is idle when everything is written', async t => {
  let written = 0
  const queue = createAppendQueue(async chunks => {
    await null
    written += chunks.length
  })
  const all = ['a', 'b', 'c'].map(text => queue.append(Buffer.from(text)))
  await queue.idle()
  t.equal(written, 3)
  await Promise.all(all)
})
