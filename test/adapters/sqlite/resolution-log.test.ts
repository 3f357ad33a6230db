import t from 'tap'
import type { ResolutionLog } from '../../../src/ports/resolution-log.ts'
import { image } from '../../ports/tag-ledger.support.ts'
import { makeDirectory, openIn } from './support.ts'

type Entry = Parameters<ResolutionLog['add']>[0]

const entry = (atMs: number, details: Partial<Entry> = {}): Entry => ({
  atMs,
  reference: 'docker.io/library/nginx:latest',
  digest: image('a').digest,
  source: 'upstream',
  reason: 'upstream answered',
  saidBy: 'https://registry-1.docker.io',
  ...details,
})

const open = async (t: Parameters<typeof makeDirectory>[0]) => {
  const dataDir = await makeDirectory(t)
  return { ...(await openIn(t, dataDir)), dataDir }
}

t.test('what was answered is found at once, newest first, and after a restart', async t => {
  const { resolutions, close, dataDir } = await open(t)
  t.strictSame(resolutions.find({ limit: 10 }), [])
  resolutions.add(entry(1000))
  resolutions.add(entry(2000, { digest: undefined, source: 'none', reason: 'nothing held' }))
  resolutions.add(entry(3000, { reference: 'docker.io/library/other:1', saidBy: undefined }))
  const found = resolutions.find({ limit: 10 })
  t.match(found, [
    { reference: 'docker.io/library/other:1', firstAtMs: 3000, saidBy: undefined },
    { source: 'none', digest: undefined, reason: 'nothing held', firstAtMs: 2000 },
    { source: 'upstream', digest: image('a').digest, firstAtMs: 1000, lastAtMs: 1000, count: 1 },
  ])
  t.equal(found.length, 3)
  await close()
  const again = await openIn(t, dataDir)
  t.strictSame(again.resolutions.find({ limit: 10 }), found)
  t.strictSame(again.resolutions.find({ limit: 2 }), found.slice(0, 2))
})

t.test('equal answers in a row are one line, whatever numbers their reasons name', async t => {
  const { resolutions, close, dataDir } = await open(t)
  resolutions.add(entry(1000, { reason: 'confirmed 5 s ago' }))
  resolutions.add(entry(1500, { reference: 'docker.io/library/other:1' }))
  resolutions.add(entry(2000, { reason: 'confirmed 12 s ago' }))
  await close()
  const again = (await openIn(t, dataDir)).resolutions
  again.add(entry(3000, { reason: 'confirmed 7 s ago' }))
  t.match(again.find({ limit: 10 }), [
    { firstAtMs: 1000, lastAtMs: 3000, count: 3, reason: 'confirmed 7 s ago' },
    { reference: 'docker.io/library/other:1', count: 1 },
  ])
  for (const different of [
    { digest: image('b').digest },
    { source: 'memory' },
    { reason: 'another' },
    { saidBy: 'somebody else' },
  ]) {
    again.add(entry(4000, { reason: 'confirmed 7 s ago' }))
    const { length } = again.find({ limit: 100 })
    again.add(entry(4000, { reason: 'confirmed 7 s ago', ...different }))
    t.equal(again.find({ limit: 100 }).length, length + 1, JSON.stringify(different))
  }
})

t.test('they are found by reference and by time', async t => {
  const { resolutions, close, dataDir } = await open(t)
  const nginx = 'docker.io/library/nginx:latest'
  resolutions.add(entry(1000))
  resolutions.add(entry(2000))
  resolutions.add(entry(3000, { source: 'ledger' }))
  resolutions.add(entry(2500, { reference: 'docker.io/library/other:1' }))
  const check = (log: ResolutionLog, when: string) => {
    const sources = (filter: { reference?: string; atMs?: number }) =>
      log.find({ ...filter, limit: 10 }).map(line => [line.reference === nginx, line.source])
    t.strictSame(
      sources({ reference: nginx }),
      [
        [true, 'ledger'],
        [true, 'upstream'],
      ],
      when,
    )
    t.strictSame(sources({ reference: nginx, atMs: 2999 }), [[true, 'upstream']], when)
    t.strictSame(sources({ reference: nginx, atMs: 999 }), [], when)
    t.strictSame(
      sources({ atMs: 2700 }),
      [
        [false, 'upstream'],
        [true, 'upstream'],
      ],
      when,
    )
    t.strictSame(sources({ reference: 'unknown' }), [], when)
  }
  check(resolutions, 'before they are written')
  await close()
  check((await openIn(t, dataDir)).resolutions, 'after')
})

t.test('the last ten thousand lines are kept, and those that go on', async t => {
  const { resolutions, close, dataDir } = await open(t)
  resolutions.add(entry(1, { reference: 'goes on' }))
  for (let i = 0; i < 10_050; i++) {
    resolutions.add(entry(10 + i, { reference: `r${i}` }))
    if (i % 1_000 === 0) resolutions.add(entry(10 + i, { reference: 'goes on' }))
  }
  resolutions.add(entry(20_000, { reference: 'goes on' }))
  await close()
  const again = (await openIn(t, dataDir)).resolutions
  t.equal(again.find({ limit: 20_000 }).length, 10_000)
  t.match(again.find({ limit: 1 }), [{ reference: 'goes on', firstAtMs: 1, count: 13 }])
  t.strictSame(again.find({ reference: 'r0', limit: 1 }), [])
  again.add(entry(30_000, { reference: 'r0' }))
  t.match(again.find({ limit: 1 }), [{ reference: 'r0', count: 1 }])
})
