import t from 'tap'
import { openLedger } from '../../../src/adapters/sqlite/open.ts'
import { digestOf } from '../../../src/oci/digest.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'
import { containerKey, type RememberedContainer } from '../../../src/ports/pod-memory.ts'

const one: RememberedContainer = {
  namespace: 'default',
  pod: 'web-0',
  container: 'main',
  images: ['docker.io/library/web:1', 'registry.lab/web:1'],
  digest: digestOf(Buffer.from('web')),
  firstMs: 1_000,
  lastMs: 2_000,
  unseenMs: 0,
}

t.test('what ran is known after a restart, and what was forgotten is not', async t => {
  const options = { dataDir: t.testdir(), log: silentLog, clock: systemClock }
  const before = await openLedger(options)
  t.strictSame(before.pods.load(), [])
  const other = { ...one, pod: 'web-1', digest: undefined }
  const third = { ...one, container: 'init' }
  await before.pods.write({ put: [one, other, third], forgotten: [] })
  const ended = { ...one, lastMs: 3_000, unseenMs: 500 }
  await before.pods.write({ put: [ended], forgotten: [containerKey(third)] })
  await before.close()
  const after = await openLedger(options)
  t.teardown(() => after.close())
  const byPod = after.pods.load().toSorted((a, b) => (a.pod < b.pod ? -1 : 1))
  t.strictSame(byPod, [ended, other])
})
