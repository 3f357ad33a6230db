import t from 'tap'
import { createYoungCollector } from '../../../src/adapters/peer-http/collect-young.ts'

const mib = 1024 * 1024

t.test('the young generation is collected once for every MiB that came', async t => {
  const asked: unknown[] = []
  const count = createYoungCollector(((options: unknown) => {
    asked.push(options)
  }) as NodeJS.GCFunction)
  count(mib - 1)
  t.strictSame(asked, [])
  count(1)
  t.strictSame(asked, [{ type: 'minor', execution: 'sync' }])
  count(3 * mib)
  count(1)
  t.equal(asked.length, 2, 'a large piece is one reason')
})

t.test('a process without the means does nothing', async t => {
  const count = createYoungCollector(undefined)
  t.doesNotThrow(() => count(2 * mib))
})
