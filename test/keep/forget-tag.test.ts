import t from 'tap'
import { createForgetTag } from '../../src/keep/forget-tag.ts'
import { Refusal } from '../../src/keep/operator-word.ts'
import { answer, image, nginx, today } from '../ports/tag-ledger.support.ts'
import { createMemoryLedger } from '../support/memory-ledger.ts'
import { createMovableClock } from '../support/movable-clock.ts'

const { signal } = new AbortController()

async function open(isOperator = true) {
  const ledger = createMemoryLedger({ clock: createMovableClock(today) })
  await answer(ledger, 'a', { dateMs: today })
  const stored: unknown[] = []
  const forget = createForgetTag({
    ledger,
    isOperator: () => isOperator,
    async storeOnOthers(key, copies) {
      stored.push([key, copies, ledger.live(key)])
      return { nodes: 2, members: 3, away: 0 }
    },
  })
  return { ledger, stored, forget }
}
const terms = { author: 'u', copies: 2, signal }

t.test('a tag is forgotten here, then on others', async t => {
  const { ledger, stored, forget } = await open()
  const done = await forget(nginx, { ...terms, check: known => t.match(known, image('a')) })
  t.match(done, { before: image('a'), stored: { nodes: 2, members: 3, away: 0 } })
  t.equal(ledger.live(nginx), undefined)
  t.strictSame(stored, [[nginx, 2, undefined]])
})

t.test('who may not, or looked at something else, changes nothing', async t => {
  const { ledger, stored, forget } = await open()
  const check = () => {
    throw new Refusal('changed', 'it moved')
  }
  await t.rejects(forget(nginx, { ...terms, check }), { code: 'changed' })
  const outsider = await open(false)
  await t.rejects(outsider.forget(nginx, { ...terms, check: () => {} }), { code: 'no-operator' })
  for (const one of [ledger, outsider.ledger]) t.match(one.live(nginx), image('a'))
  t.strictSame([...stored, ...outsider.stored], [])
})
