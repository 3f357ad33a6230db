import { createHash } from 'node:crypto'
import t from 'tap'
import { rankOwners } from '../../src/ledger/rendezvous.ts'

const idOf = (name: number | string) => createHash('sha256').update(`node ${name}`).digest('hex')
const ids = Array.from({ length: 20 }, (_, at) => idOf(at))
const keys = Array.from({ length: 2_000 }, (_, at) => `sha256:${idOf(`key ${at}`)}`)

t.test('everybody finds the same owners, in whatever order they know the members', async t => {
  for (const key of keys.slice(0, 50)) {
    t.strictSame(rankOwners(key, ids.toReversed(), 3), rankOwners(key, ids, 3))
  }
  t.strictSame(rankOwners('key', [], 3), [])
  t.strictSame(rankOwners('key', ids.slice(0, 1), 3), ids.slice(0, 1))
})

t.test('everybody owns about as much as the others', async t => {
  const owned = new Map(ids.map(id => [id, 0]))
  for (const key of keys) {
    for (const id of rankOwners(key, ids, 3)) owned.set(id, (owned.get(id) ?? 0) + 1)
  }
  const fair = (keys.length * 3) / ids.length
  for (const count of owned.values()) t.ok(count > fair * 0.8 && count < fair * 1.2, `${count}`)
})

t.test('who leaves moves only what was its own, and the next ones move up', async t => {
  const [gone, ...rest] = ids
  for (const key of keys) {
    const before = rankOwners(key, ids, 4)
    const after = rankOwners(key, rest, 3)
    t.strictSame(after, before.filter(id => id !== gone).slice(0, 3))
  }
})
