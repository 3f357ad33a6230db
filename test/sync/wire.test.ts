import t from 'tap'
import { leafCount, leafHashBytes } from '../../src/ledger/leaf.ts'
import { treeOf } from '../../src/sync/hash-tree.ts'
import { encodeRows, wireRow } from '../../src/sync/row-bytes.ts'
import * as wire from '../../src/sync/wire.ts'
import { today } from '../ports/tag-ledger.support.ts'
import { seededRandom } from '../support/random.ts'
import { makePeer } from '../support/signing-node.ts'
import { textOf } from './support.ts'

const records = [makePeer().observe('a', today), makePeer().pin('p', today)]
const rows = encodeRows([
  wireRow({
    register: 'abc000000001',
    wallMs: today,
    counter: 0,
    origin: 'a'.repeat(64),
    mark: '01020304',
  }),
])
const tree = treeOf(new Uint8Array(leafCount * leafHashBytes).fill(7))
const samples: readonly (readonly [Uint8Array, (bytes: Uint8Array) => unknown])[] = [
  [wire.encodeRoot({ root: tree.root, horizonMs: 5.5, count: 7 }), wire.decodeRoot],
  [wire.encodeTree(tree), wire.decodeTree],
  [wire.encodeNodes({ differing: [3], leaves: tree.leaves.subarray(0, 512) }), wire.decodeNodes],
  [wire.encodeLeaves({ rows: [{ leaf: 5, bytes: rows }], refused: [] }), wire.decodeLeaves],
  [
    wire.encodeRowsWord({
      records: [{ leaf: 5, records }],
      wants: [{ leaf: 9, bytes: rows }],
      isCut: true,
    }),
    wire.decodeRowsWord,
  ],
  [wire.encodeLeafRecords([{ leaf: 5, records }]), wire.decodeLeafRecords],
  [wire.encodeRecords(records), wire.decodeRecords],
  [wire.encodeWord('docker.io/library/nginx:latest'), wire.decodeWord],
]

t.test('what is written is read', t => {
  for (const [bytes, decode] of samples) t.not(decode(bytes), undefined)
  t.match(wire.decodeRoot(samples[0]?.[0] ?? Buffer.alloc(0)), { horizonMs: 5, count: 7 })
  t.strictSame(wire.decodeRecords(wire.encodeRecords(records))?.map(textOf), records.map(textOf))
  t.equal(wire.decodeRowsWord(wire.busyAnswer), 'busy')
  t.end()
})

t.test('no bytes make a reader throw', t => {
  const random = seededRandom(4)
  const bend = (bytes: Uint8Array): Uint8Array => {
    const bent = Buffer.from(bytes).subarray(0, Math.ceil(bytes.length * (0.5 + random())))
    for (let j = 0; j < 3; j++) bent[Math.floor(random() * bent.length)] = random() * 256
    return bent
  }
  let read = 0
  for (const [bytes, decode] of samples) {
    const bent = Array.from({ length: 400 }, () => bend(bytes))
    const strange = samples.map(([other]) => other).filter(other => other !== bytes)
    read += [...bent, ...strange].filter(one => decode(one) !== undefined).length
  }
  t.ok(read > 0, 'some still make sense')
  t.end()
})
