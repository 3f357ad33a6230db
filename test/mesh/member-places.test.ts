import { createHash } from 'node:crypto'
import t from 'tap'
import { encodeHello } from '../../src/mesh/hello.ts'
import { createMemberTable } from '../../src/mesh/member-table.ts'
import type { ToldHello } from '../../src/mesh/mesh-message.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { helloOf, plainTime } from './support.ts'

const maxMembers = 50
const hourMs = 3_600_000
const idOf = (name: string): NodeId => createHash('sha256').update(name).digest('hex')
const longPeriod = 600_000

function helloBy(id: NodeId, sequence = 1): ToldHello {
  const body = encodeHello(helloOf(id, { sequence, periodMs: longPeriod }))
  return { body, signature: new Uint8Array(64), ageMs: 0 }
}

/** A table whose owner believes every signature: whoever holds the cluster key makes up as many keys as he likes. */
function openTable() {
  const clock = createMovableClock(Date.UTC(2026, 5, 1))
  const signature = { self: idOf('self'), sign: () => new Uint8Array(64), isSignedBy: () => true }
  const table = createMemberTable(
    { signature, clock, time: plainTime(clock), log: silentLog, onOwn() {} },
    { protocols: { lowest: 1, highest: 1 }, nonce: 'ffffffffffffffff', maxMembers },
  )
  const doubted: NodeId[] = []
  table.onDoubt(id => doubted.push(id))
  let made = 0
  return {
    clock,
    table,
    doubted,
    hear: (name: string, sequence = 1) => table.admit(helloBy(idOf(name), sequence)),
    has: (name: string) => table.get(idOf(name)) !== undefined,
    /** As many nodes as nobody has, which all say hello. */
    crowd(count: number): readonly string[] {
      return Array.from({ length: count }, () => {
        made += 1
        table.admit(helloBy(idOf(`made up ${made}`)))
        return `made up ${made}`
      })
    },
  }
}

t.test('a crowd of made-up nodes takes no place from those that were here before', async t => {
  const { table, hear, has, crowd } = openTable()
  for (const name of ['heard of', 'met', 'connected']) hear(name)
  table.heard(idOf('met'), 3)
  table.joined(idOf('connected'), '10.0.0.9:5053', true)
  crowd(maxMembers + 100)
  t.equal(table.count(), maxMembers)
  for (const name of ['heard of', 'met', 'connected']) t.ok(has(name), name)
})

t.test('who was met and starts anew finds its place, whatever crowd is there', async t => {
  const { clock, table, hear, has, crowd } = openTable()
  hear('met')
  table.heard(idOf('met'), 3)
  crowd(maxMembers - 1)
  table.unanswered(idOf('met'), clock.monotonicMs())
  t.equal(table.get(idOf('met'))?.state, 'gone')
  crowd(100)
  t.ok(has('met'))
  clock.pass(1_000)
  t.equal(hear('met', 2), 'news')
  table.heard(idOf('met'), 3)
  t.equal(table.get(idOf('met'))?.state, 'alive')
})

t.test('for who was met and does not come back another one is taken', async t => {
  const { clock, table, hear, has, crowd } = openTable()
  hear('met')
  table.heard(idOf('met'), 3)
  const others = crowd(maxMembers - 1)
  table.unanswered(idOf('met'), clock.monotonicMs())
  clock.pass(hourMs + 1)
  t.equal(hear('late'), 'news')
  t.notOk(has('met'))
  t.ok(others.every(has))
})

t.test('who is connected has a place: the newest that was never met makes room', async t => {
  const { table, hear, has, crowd } = openTable()
  const others = crowd(maxMembers)
  t.equal(hear('late'), 'limited')
  table.joined(idOf('late'), '10.0.0.9:5053', false)
  t.equal(hear('late'), 'news')
  t.equal(table.get(idOf('late'))?.isNeighbour, true)
  t.strictSame(
    others.filter(name => !has(name)),
    others.slice(-1),
  )
})

t.test('when there is no room it is looked who is there, and who is not makes room', async t => {
  const { clock, table, doubted, hear, has, crowd } = openTable()
  const others = crowd(maxMembers)
  t.strictSame(doubted, [])
  t.equal(hear('late'), 'limited')
  t.equal(hear('late too'), 'limited')
  const asked = others.slice(-2).reverse()
  t.strictSame(doubted, asked.map(idOf), 'one for each, not the same ones')
  t.equal(table.get(idOf(asked[0] ?? ''))?.state, 'alive', 'who is asked is not in doubt')
  table.heard(idOf(asked[0] ?? ''), 3)
  table.unanswered(idOf(asked[1] ?? ''), clock.monotonicMs())
  t.equal(hear('late'), 'news')
  t.strictSame(
    others.filter(name => !has(name)),
    asked.slice(1),
  )
})

t.test('of those that are gone the longest silent goes first', async t => {
  const { clock, table, hear, has, crowd } = openTable()
  const gone = ['first', 'second', 'third']
  for (const name of gone) hear(name)
  crowd(maxMembers - gone.length)
  for (const name of ['second', 'first', 'third']) {
    clock.pass(1_000)
    hear(name, 2)
  }
  for (const name of gone) table.unanswered(idOf(name), clock.monotonicMs())
  t.equal(hear('late'), 'news')
  t.strictSame(gone.filter(has), ['first', 'third'])
})
