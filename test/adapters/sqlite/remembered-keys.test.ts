import t from 'tap'
import { remember } from '../../../src/adapters/sqlite/remembered-keys.ts'

t.test('what was set first goes first when there are too many', async t => {
  const map = new Map<string, number>()
  for (let at = 0; at < 50_000; at += 1) remember(map, `key-${at}`, at)
  remember(map, 'key-0', 7)
  t.equal(map.get('key-0'), 7, 'a key that is there takes no room')
  t.equal(map.size, 50_000)
  remember(map, 'one more', 1)
  t.equal(map.size, 50_000)
  t.equal(map.get('key-0'), undefined)
})
