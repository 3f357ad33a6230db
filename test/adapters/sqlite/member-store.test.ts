import t from 'tap'
import { encodeHello } from '../../../src/mesh/hello.ts'
import type { StoredMember } from '../../../src/ports/member-store.ts'
import { helloOf } from '../../mesh/support.ts'
import { day, image, keyOf, nginx, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makePeer } from '../../support/signing-node.ts'
import { makeDirectory, openIn } from './support.ts'

function memberOf(digits: string, change: Partial<StoredMember> = {}): StoredMember {
  const id = digits.repeat(32)
  return {
    id,
    body: Buffer.from(encodeHello(helloOf(id))),
    signature: Buffer.alloc(64, 7),
    lastSeenMs: today,
    unheardMs: 0,
    wasMet: false,
    ...change,
  }
}

t.test('members and names outlive a restart', async t => {
  const dataDir = await makeDirectory(t)
  const first = await openIn(t, dataDir)
  const [a, b] = [
    memberOf('aa'),
    memberOf('bb', { lastSeenMs: today + day, unheardMs: 5, wasMet: true }),
  ]
  t.strictSame(first.members.load(), { members: [], names: new Map() })
  await first.members.save({ members: [a, b], forgotten: [], names: new Map([['edge', a.id]]) })
  await first.close()

  const again = await openIn(t, dataDir)
  t.strictSame(again.members.load(), { members: [a, b], names: new Map([['edge', a.id]]) })
  const moved = memberOf('aa', { lastSeenMs: today + 2 * day })
  await again.members.save({
    members: [moved],
    forgotten: [b.id],
    names: new Map([['edge', b.id]]),
  })
  t.strictSame(again.members.load(), { members: [moved], names: new Map([['edge', a.id]]) })
})

t.test('members are kept in the order in which they became known', async t => {
  const { members } = await openIn(t, await makeDirectory(t))
  const [a, b, c] = [memberOf('cc'), memberOf('bb'), memberOf('aa')]
  await members.save({ members: [a, b], forgotten: [], names: new Map() })
  const heard = { ...a, lastSeenMs: today + day }
  await members.save({ members: [c, heard], forgotten: [], names: new Map() })
  t.strictSame(members.load().members, [heard, b, c])
  await members.save({ members: [b], forgotten: [a.id], names: new Map() })
  t.strictSame(members.load().members, [b, c])
})

t.test('the boot number outlives a restart', async t => {
  const dataDir = await makeDirectory(t)
  const first = await openIn(t, dataDir)
  t.equal(first.members.bootNumber(), 0)
  await first.members.setBootNumber(7)
  t.equal(first.members.bootNumber(), 7)
  await first.close()
  const again = await openIn(t, dataDir)
  t.equal(again.members.bootNumber(), 7)
})

const later = keyOf('docker.io', 'library/later', 'latest')

const voices = (clock: { monotonicMs(): number }, nowMs: number, count: number) =>
  Array.from({ length: count }, () => ({
    anchorMs: nowMs - clock.monotonicMs(),
    isVerified: false,
  }))

for (const [name, wallMs] of [
  ['1970', 0],
  ['ten years ahead', today + 3652 * day],
] as const) {
  t.test(
    `a node with its clock at ${name} is set right by three members, and poisons nobody`,
    async t => {
      const clock = createMovableClock(wallMs)
      const joiner = await openIn(t, await makeDirectory(t), { clock })
      t.equal(joiner.time.source(), undefined)
      await joiner.ledger.observeLocal(nginx, image('mine'), 'import')
      joiner.time.learnFromPeers(voices(clock, today, 2))
      t.equal(joiner.time.source(), undefined, 'two cannot decide')
      joiner.time.learnFromPeers(voices(clock, today, 3))
      t.equal(joiner.time.source(), 'peers')
      t.equal(joiner.ledger.trustedNowMs(), today)
      t.match(joiner.ledger.stats(), { clockVerified: true, clockOffsetMs: today - wallMs })
      const stamped = joiner.ledger.live(nginx)?.stamp.wallMs ?? 0
      t.ok(stamped <= today, `its own record is at ${new Date(stamped).toISOString()}`)
      await joiner.ledger.observeLocal(later, image('b'), 'import')
      t.equal(joiner.ledger.live(later)?.stamp.wallMs, today)
    },
  )
}

t.test(
  'what a node ten years ahead said waits aside once the others agree on the time',
  async t => {
    const clock = createMovableClock(today)
    const node = await openIn(t, await makeDirectory(t), { clock })
    const ahead = makePeer()
    await node.ledger.observeLocal(nginx, image('right'), 'import')
    await node.replication.applyRecords([ahead.observe('poison', today + 3652 * day)])
    t.match(node.ledger.live(nginx), image('poison'), 'while the time is unknown it is taken')
    node.time.learnFromPeers(voices(clock, today, 2))
    t.equal(node.time.source(), 'peers')
    t.match(node.ledger.live(nginx), image('right'))
    t.strictSame(
      await node.replication.applyRecords([ahead.observe('again', today + 3652 * day)]),
      ['quarantined'],
    )
  },
)

t.test('the offset that the members agreed on outlives a restart', async t => {
  const dataDir = await makeDirectory(t)
  const clock = createMovableClock(0)
  const first = await openIn(t, dataDir, { clock })
  first.time.learnFromPeers(voices(clock, today, 3))
  await first.close()
  const again = await openIn(t, dataDir, { clock })
  t.equal(again.time.nowMs(), today)
  t.equal(again.time.source(), undefined)
})
