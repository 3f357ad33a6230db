import t from 'tap'
import { applyOwn } from '../../src/archive/apply-own.ts'
import { operatorRecord } from '../../src/ledger/own-record.ts'
import { formatTag } from '../../src/oci/reference.ts'
import type { RecordOutcome, RecordStore } from '../../src/ports/record-store.ts'
import { image, nginx, today } from '../ports/tag-ledger.support.ts'
import { makePeer } from '../support/signing-node.ts'

const name = { repository: nginx, tag: nginx }
const root = { ...image('a'), name }

/** Takes everything, and counts it. */
function takeAll() {
  const taken: unknown[] = []
  const apply: RecordStore['apply'] = async records => {
    taken.push(...records)
    return records.map((): RecordOutcome => 'applied')
  }
  return { taken, apply }
}

t.test('of a bundle no record bans a node, blocks a digest or keeps an image', async t => {
  const peer = makePeer()
  const { taken, apply } = takeAll()
  const say = (kind: 'ban' | 'block' | 'keep', key: string) =>
    peer.sign(
      operatorRecord(kind, key, root, peer.origin, { wallMs: today, counter: 0 }, false, {}),
    )
  const records = [
    say('ban', makePeer().origin),
    say('block', root.digest),
    say('keep', formatTag(nginx)),
  ]
  t.match(await applyOwn(apply, [root], records), { warnings: [] })
  t.strictSame(taken, [])
})

t.test('what is said of its own images is taken, of others only the end of a pin', async t => {
  const peer = makePeer()
  const { taken, apply } = takeAll()
  const [own, pin, end] = [peer.observe('a', today), peer.pin('a', today), peer.pin(undefined, 1)]
  const others = [peer.observe('b', today), peer.pin('b', today)]
  const { told } = await applyOwn(apply, [root], [own, pin, end, ...others])
  t.strictSame(taken, [own, pin, end])
  t.strictSame([...told], [formatTag(nginx)])
})
