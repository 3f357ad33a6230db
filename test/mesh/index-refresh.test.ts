import t from 'tap'
import { shardOf } from '../../src/mesh/index-message.ts'
import { createShardOwners } from '../../src/mesh/index-owners.ts'
import { leaseMs, refreshedAtOnce, refreshMs } from '../../src/mesh/index-refresh.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { content, digest, openMesh, openTen } from './index-mesh.ts'

const hourMs = 3_600_000

t.test('a small mesh is refreshed as a whole, a large one in turns', async t => {
  for (const others of [1, 2, 10, 11]) t.ok(refreshedAtOnce(others) >= others, `${others} others`)
  for (const others of [99, 999, 4_999]) {
    t.ok(refreshedAtOnce(others) <= 3 * (1 + Math.log2(others + 2)), `${others} others`)
  }
  t.equal(leaseMs(10), 2.5 * refreshMs)
  t.ok(leaseMs(4_999) < 24 * hourMs)
})

t.test(
  'however many owners there are, a few are told at a time, and all before their leases end',
  async t => {
    const names = Array.from({ length: 60 }, (_, i) => `n${i}`)
    const { time, node, nodes, calls } = openMesh(t, names)
    const holder = node(0)
    for (let i = 0; i < 400; i += 1) {
      const bytes = Buffer.from(`blob ${i}`)
      await holder.store.put(digestOf(bytes), bytes)
    }
    await time.pass(5_000)
    const sizes = () => nodes.slice(1).map(({ size }) => size())
    const told = sizes()
    t.ok(
      told.every(size => size > 0),
      'each of them keeps a part',
    )
    const before = calls('index/put').length
    await time.pass(hourMs)
    const refreshes = calls('index/put').length - before
    t.ok(refreshes > 4 * refreshedAtOnce(59), `${refreshes} in an hour`)
    t.ok(refreshes <= 7 * refreshedAtOnce(59), `${refreshes} in an hour`)
    await time.pass(2 * hourMs)
    t.strictSame(sizes(), told)
  },
)

t.test('who was only not heard for a while is still known to hold what it told', async t => {
  const { time, lab, holder, asker, keepers } = openTen(t)
  await holder.store.put(digest, content)
  await time.pass(200)
  lab.say(holder.id, { state: 'gone' })
  await time.pass(5 * 60_000)
  lab.say(holder.id, { state: 'alive' })
  for (const keeper of keepers) t.equal(keeper.size(), 1)
  t.strictSame(await asker.find(), [holder.id])
})

t.test('what comes after a pause is told at once, and what follows it together', async t => {
  const { time, holder, calls } = openTen(t)
  await time.pass(1_000)
  await holder.store.put(digest, content)
  await time.pass(1)
  t.equal(calls('index/put').length, 3)
  const others = ['another layer', 'and one more'].map(text => Buffer.from(text))
  for (const bytes of others) await holder.store.put(digestOf(bytes), bytes)
  await time.pass(190)
  t.equal(calls('index/put').length, 3)
  await time.pass(10)
  const owners = calls('index/put')
    .slice(3)
    .map(({ to }) => to)
  t.ok(owners.length > 0)
  t.equal(new Set(owners).size, owners.length, 'each owner once')
})

t.test('who spoke of something is asked for it, though the index was not told', async t => {
  const names = Array.from({ length: 20 }, (_, i) => `n${i}`)
  const { lab, node, nodes } = openMesh(t, names)
  const owners = createShardOwners(node(0).members)(shardOf(digest))
  for (const { id, answers } of nodes.filter(({ id }) => owners.includes(id))) {
    const deaf = [...answers].filter(([subject]) => subject !== 'index/put')
    lab.serve(id, { answers: new Map(deaf) })
  }
  const others = nodes.filter(({ id }) => !owners.includes(id))
  const [asker, holder] = [others[0], others.at(-1)]
  if (asker === undefined || holder === undefined) throw new Error('few')
  await holder.store.put(digest, content)
  t.strictSame(await asker.find(), [], 'it is not among those that are asked at random')
  t.strictSame(await asker.find(digest, holder.id), [holder.id])
})
