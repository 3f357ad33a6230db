import t from 'tap'
import { followOperators } from '../../src/mesh/operators.ts'
import { addressOf, simulateMesh } from './simulated-node.ts'
import { memoryMemberStore, rememberingLog, signatureOf } from './support.ts'

t.test('without names everybody is an operator', async t => {
  const { start } = simulateMesh(t)
  const a = await start({ address: addressOf(1) })
  t.equal(a.operators.ids(), undefined)
})

t.test('ids count at once, names as soon as their node is known', async t => {
  const { time, start } = simulateMesh(t)
  const other = signatureOf().self
  const a = await start({
    address: addressOf(1),
    operators: ['desk', other],
    seeds: [addressOf(2)],
  })
  t.strictSame([...(a.operators.ids() ?? [])], [other])
  let changes = 0
  a.operators.onChange(() => {
    changes += 1
  })
  const desk = await start({ address: addressOf(2), name: 'desk' })
  await time.until(() => a.members.alive().length === 1, 10_000)
  t.strictSame([...(a.operators.ids() ?? [])].sort(), [other, desk.id].sort())
  t.equal(changes, 1)
})

t.test('a name stays with the node that had it first, also after a restart', async t => {
  const { time, start } = simulateMesh(t)
  const operators = ['desk']
  const a = await start({ address: addressOf(1), operators })
  const desk = await start({ address: addressOf(2), name: 'desk', seeds: [addressOf(1)] })
  await time.until(() => a.members.alive().length === 1, 10_000)
  const usurper = await start({ address: addressOf(3), name: 'desk', seeds: [addressOf(1)] })
  await time.until(() => a.members.alive().length === 2, 10_000)
  t.strictSame([...(a.operators.ids() ?? [])], [desk.id])
  t.ok(a.log.lines.some(line => /has the name of an operator and is none/.test(line.message)))

  a.kill()
  desk.kill()
  const again = await start({
    address: addressOf(4),
    store: a.store,
    operators,
    seeds: [addressOf(3)],
  })
  await time.until(() => again.members.get(usurper.id)?.state === 'alive', 70_000)
  t.strictSame([...(again.operators.ids() ?? [])], [desk.id])
})

t.test("this node's own name is its own", async t => {
  const { start } = simulateMesh(t)
  const desk = await start({ address: addressOf(1), name: 'desk', operators: ['desk'] })
  t.strictSame([...(desk.operators.ids() ?? [])], [desk.id])
})

t.test('what cannot be written is told, and holds until the end', async t => {
  const log = rememberingLog()
  const store = memoryMemberStore()
  store.save = () => Promise.reject(new Error('disk full'))
  const table = { self: 'ab'.repeat(32), entries: () => [], onChange: () => () => {} }
  const operators = followOperators({ table, store, log }, { operators: ['desk'], ownName: 'desk' })
  t.strictSame([...(operators.ids() ?? [])], [table.self])
  await new Promise(setImmediate)
  t.ok(log.lines.some(line => line.message === 'who an operator is was not written'))
})
