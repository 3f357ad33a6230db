import t from 'tap'
import { createOutcasts } from '../../src/daemon/outcasts.ts'
import { silentLog } from '../../src/ports/log.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { nodeId } from '../support/peer-lab.ts'

function makeOutcasts() {
  const clock = createMovableClock(0)
  const banned = new Set<string>()
  let changed = (): void => {}
  const bans = {
    isBanned: (id: string) => banned.has(id),
    onExclusions(listener: () => void) {
      changed = listener
      return () => {
        changed = () => {}
      }
    },
  }
  const outcasts = createOutcasts({ bans, clock, log: silentLog })
  let told = 0
  outcasts.onMore(() => {
    told += 1
  })
  const ban = (id: string) => {
    banned.add(id)
    changed()
  }
  return { outcasts, clock, banned, ban, told: () => told }
}

t.test('who is banned is out as long as the ban stands, and that is told', async t => {
  const { outcasts, banned, ban, told } = makeOutcasts()
  const id = nodeId('liar')
  t.notOk(outcasts.isOut(id))
  ban(id)
  t.ok(outcasts.isOut(id))
  t.equal(told(), 1)
  banned.delete(id)
  t.notOk(outcasts.isOut(id))
  outcasts.close()
  ban(id)
  t.equal(told(), 1)
})

t.test('who went too far is out for five minutes', async t => {
  const { outcasts, clock, told } = makeOutcasts()
  outcasts.expel(nodeId('liar'))
  t.equal(told(), 1)
  t.ok(outcasts.isOut(nodeId('liar')))
  t.notOk(outcasts.isOut(nodeId('other')))
  clock.pass(299_999)
  t.ok(outcasts.isOut(nodeId('liar')))
  clock.pass(1)
  t.notOk(outcasts.isOut(nodeId('liar')))
})

t.test('of very many the first are forgotten', async t => {
  const { outcasts } = makeOutcasts()
  for (let at = 0; at <= 1_000; at += 1) outcasts.expel(nodeId(`liar ${at}`))
  t.notOk(outcasts.isOut(nodeId('liar 0')))
  t.ok(outcasts.isOut(nodeId('liar 1')))
  t.ok(outcasts.isOut(nodeId('liar 1000')))
})
