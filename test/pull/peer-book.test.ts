import t from 'tap'
import { createPeerBook } from '../../src/pull/peer-book.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'

t.test('the silence that is borne of who fetches for all grows with its distance', async t => {
  const lab = createPeerLab()
  const id = nodeId('a')
  lab.serve(id, {})
  const members = lab.members(nodeId('self'))
  const book = createPeerBook({ members, clock: createMovableClock(0) }, { zone: undefined })
  t.equal(book.silentAfterMs(id), 1_000)
  lab.say(id, { roundTripMs: 200 })
  t.equal(book.silentAfterMs(id), 2_000)
  lab.say(id, { roundTripMs: 2_000 })
  t.equal(book.silentAfterMs(id), 3_000)
})
