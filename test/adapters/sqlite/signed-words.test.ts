import t, { type Test } from 'tap'
import type { SignedRecord } from '../../../src/ledger/record.ts'
import { formatTag } from '../../../src/oci/reference.ts'
import { image, keyOf, nginx, today } from '../../ports/tag-ledger.support.ts'
import { createMovableClock } from '../../support/movable-clock.ts'
import { makePeer } from '../../support/signing-node.ts'
import { makeDirectory, openIn } from './support.ts'

const open = async (t: Test) =>
  openIn(t, await makeDirectory(t), { clock: createMovableClock(today) })

const plain = { target: undefined, removed: false, details: {} }

/** By their bytes, whatever holds them. */
const told = (records: readonly (SignedRecord | undefined)[]) =>
  records.map(record => record && Buffer.from(record.body).toString('hex'))

t.test(
  'of a tag the observations are told, the newest first, and the last word on its pin',
  async t => {
    const { replication } = await open(t)
    const [a, b] = [makePeer(), makePeer()]
    const observed = [a.observe('new', today - 1), b.observe('old', today - 2)]
    const pins = [b.pin(undefined, today - 1), a.pin('p', today - 3)]
    await replication.applyRecords([...pins, ...observed, a.use(today)])
    t.strictSame(told(replication.signedWords(nginx)), told([...observed, pins[0]]))
    t.strictSame(told([replication.signedObservation(nginx)]), told([observed[0]]))
    const [removed, ...others] = replication.removedPins()
    t.strictSame([removed?.key, others], [formatTag(nginx), []])
    t.strictSame(told([removed?.signed]), told([pins[0]]))
    t.strictSame(replication.signedWords(keyOf('docker.io', 'library/nginx', 'other')), [])
  },
)

t.test('what is banned or blocked is not handed on', async t => {
  const { replication } = await open(t)
  const [a, b] = [makePeer(), makePeer()]
  const pin = b.pin('p', today - 4)
  const good = b.observe('good', today - 3)
  const removal = a.pin(undefined, today - 1)
  await replication.applyRecords([a.observe('bad', today - 1), removal, pin, good])
  await replication.say({ kind: 'ban', key: a.origin, ...plain })
  t.strictSame(told(replication.signedWords(nginx)), told([good, pin]))
  t.strictSame(replication.removedPins(), [])
  await replication.say({ kind: 'block', key: image('good').digest, ...plain })
  t.strictSame(told(replication.signedWords(nginx)), told([pin]))
  t.equal(replication.signedObservation(nginx), undefined)
})
