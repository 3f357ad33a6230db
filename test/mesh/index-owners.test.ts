import { createHash } from 'node:crypto'
import t from 'tap'
import { rankOwners } from '../../src/ledger/rendezvous.ts'
import { createShardOwners } from '../../src/mesh/index-owners.ts'
import type { Member } from '../../src/ports/members.ts'
import { seededRandom } from '../support/random.ts'

const idOf = (name: number) => createHash('sha256').update(`node ${name}`).digest('hex')
const self = idOf(-1)
const shards = [...Array(256).keys()]

function createTable() {
  let alive: readonly Member[] = []
  return {
    self,
    alive: () => alive,
    set(names: readonly number[]) {
      alive = names.map(name => ({ id: idOf(name) }) as Member)
    },
  }
}

t.test('owners stay those that are worked out anew, whoever comes and goes', async t => {
  const table = createTable()
  const ownersOf = createShardOwners(table)
  const random = seededRandom(7)
  let present: number[] = []
  let next = 0
  for (let step = 0; step < 60; step++) {
    const leaving = Math.floor(random() * 3)
    present = present.filter(() => present.length < 3 || random() > leaving / present.length)
    for (let i = Math.floor(random() * 4); i > 0; i--) present.push(next++)
    table.set(present)
    const ids = [self, ...present.map(idOf)]
    for (const shard of shards.filter(() => random() < 0.3)) {
      t.strictSame(ownersOf(shard), rankOwners(`shard ${shard}`, ids, 3))
    }
  }
})

t.test('what members say of themselves moves no owner', async t => {
  const table = createTable()
  const ownersOf = createShardOwners(table)
  table.set([1, 2, 3, 4, 5])
  const before = shards.map(ownersOf)
  table.set([1, 2, 3, 4, 5])
  for (const [shard, owners] of before.entries()) t.equal(ownersOf(shard), owners)
})
