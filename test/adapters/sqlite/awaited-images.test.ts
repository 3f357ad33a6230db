import t from 'tap'
import { openLedger } from '../../../src/adapters/sqlite/open.ts'
import { type Digest, digestOf } from '../../../src/oci/digest.ts'
import type { AwaitedImage } from '../../../src/ports/awaited-images.ts'
import { systemClock } from '../../../src/ports/clock.ts'
import { silentLog } from '../../../src/ports/log.ts'

const mediaType = 'application/vnd.oci.image.index.v1+json'
const [one, two, three] = ['one', 'two', 'three'].map(text => digestOf(Buffer.from(text))) as [
  Digest,
  Digest,
  Digest,
]

const awaited = (
  digest: Digest,
  tag: string | undefined,
  registry = 'reg.lab:5000',
): AwaitedImage => {
  return { digest, mediaType, size: 5, repository: { registry, repository: 'lab/a' }, tag }
}

t.test('what waits is known after a restart, one image of each name', async t => {
  const options = { dataDir: t.testdir(), log: silentLog, clock: systemClock }
  const before = await openLedger(options)
  t.strictSame(before.awaited.load(), [])
  await before.awaited.remember([awaited(one, 'v1'), awaited(one, undefined)])
  await before.awaited.remember([awaited(two, 'v1'), awaited(two, undefined, '[::1]:5000')])
  await before.awaited.remember([awaited(three, 'v2')])
  await before.awaited.forget([awaited(three, 'v2'), awaited(three, undefined)])
  await before.close()
  const after = await openLedger(options)
  t.teardown(() => after.close())
  const byName = (image: AwaitedImage) => `${image.repository.registry} ${image.tag}`
  t.strictSame(
    after.awaited.load().toSorted((a, b) => (byName(a) < byName(b) ? -1 : 1)),
    [awaited(two, undefined, '[::1]:5000'), awaited(one, undefined), awaited(two, 'v1')],
  )
})
