import t from 'tap'
import { openLedger } from '../../../src/adapters/sqlite/open.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import type { SeenFile } from '../../../src/ports/drop-memory.ts'
import { silentLog } from '../../../src/ports/log.ts'

const seen = (path: string, more: Partial<SeenFile> = {}): SeenFile => {
  const times = { mtimeMs: 1_795_000_000_000, ctimeMs: 1_795_000_000_001 }
  return { path, size: 5, ...times, hash: 'ab', outcome: 'imported', ...more }
}

t.test('what was dealt with is known after a restart', async t => {
  const options = { dataDir: t.testdir(), log: silentLog, clock: systemClock }
  const before = await openLedger(options)
  t.strictSame(before.dropped.load(), [])
  await before.dropped.remember(seen('a.tar'))
  await before.dropped.remember(seen('b.tar', { hash: undefined, outcome: 'refused' }))
  await before.dropped.remember(seen('c.tar'))
  await before.dropped.remember(seen('a.tar', { size: 6 }))
  await before.dropped.forget('c.tar')
  await before.close()
  const after = await openLedger(options)
  t.teardown(() => after.close())
  t.strictSame(after.dropped.load(), [
    seen('a.tar', { size: 6 }),
    seen('b.tar', { hash: undefined, outcome: 'refused' }),
  ])
})
