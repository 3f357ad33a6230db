import t from 'tap'
import { nearest } from '../../src/config/nearest.ts'

t.test('a mistyped word leads to the one that was meant', async t => {
  const known = ['timeoutMs', 'upstreamTimeoutMs', 'freshForMs', 'rules', 'askPeers']
  t.equal(nearest('timeoutms', known), 'timeoutMs')
  t.equal(nearest('timeotuMs', known), 'timeoutMs', 'neighbours swapped')
  t.equal(nearest('freshFor', known), 'freshForMs')
  t.equal(nearest('rule', known), 'rules')
  t.equal(nearest('askPears', known), 'askPeers')
})

t.test('a word that is near to none leads nowhere', async t => {
  t.equal(nearest('banana', ['timeoutMs', 'rules']), undefined)
  t.equal(nearest('x', []), undefined)
  t.equal(nearest('', ['rules']), undefined)
})
