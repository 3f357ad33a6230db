import t from 'tap'
import { createPretenderLog } from '../../src/sync/pretender-log.ts'
import { rememberingLog } from '../mesh/support.ts'
import { makePeer } from '../support/signing-node.ts'

t.test('who speaks as an operator and is none is told of once, by its name', async t => {
  const log = rememberingLog()
  const tell = createPretenderLog(log)
  const [one, other] = [makePeer(), makePeer()]
  tell(['applied', 'no-operator'], [one.observe('a', 1), other.pin('a', 2)])
  tell(['no-operator', 'no-operator'], [other.pin('b', 3), one.pin('b', 4)])
  t.match(
    log.lines.map(({ fields }) => fields),
    [{ origin: other.origin, kind: 'pin' }, { origin: one.origin }],
  )
  t.equal(log.lines.length, 2)
})

t.test('bytes that are no record are told of by nobody', async t => {
  const log = rememberingLog()
  const nonsense = { body: new Uint8Array(3), signature: new Uint8Array(64) }
  createPretenderLog(log)(['no-operator', 'no-operator'], [nonsense])
  t.strictSame(log.lines, [])
})
