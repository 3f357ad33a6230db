import t from 'tap'
import { gatherDiagnostics } from '../../../src/http/admin/diagnostics.ts'

t.test('what fails, or takes too long, keeps nothing else back', async t => {
  const gathered = await gatherDiagnostics([
    { name: 'a.json', what: 'a', read: () => ({ a: 1 }) },
    { name: 'b.txt', what: 'b', read: async () => 'b' },
    {
      name: 'c.json',
      what: 'c',
      read: () => {
        throw new Error('the disk is gone')
      },
    },
    { name: 'd.json', what: 'd', read: () => new Promise(() => {}) },
  ])
  t.strictSame(gathered, [
    { name: 'a.json', what: 'a', json: { a: 1 } },
    { name: 'b.txt', what: 'b', text: 'b' },
    { name: 'c.json', what: 'c', error: 'the disk is gone' },
    { name: 'd.json', what: 'd', error: 'it took longer than 3000 ms' },
  ])
})
