import t from 'tap'
import { findNode, type KnownNodes } from '../../../src/http/admin/find-node.ts'
import type { Member } from '../../../src/ports/members.ts'
import { createPeerLab, nodeId } from '../../support/peer-lab.ts'

const self = { id: nodeId('one'), name: 'one' }

/** This node and those that it knows, by name and state. */
function knowing(...others: readonly (readonly [id: string, name: string, Member['state']?])[]) {
  const lab = createPeerLab()
  lab.serve(self.id, {})
  for (const [id, , state = 'alive'] of others) {
    lab.serve(nodeId(id), {})
    lab.say(nodeId(id), { state })
  }
  const names = new Map(others.map(([id, name]) => [nodeId(id), name]))
  const members = () =>
    lab
      .members(self.id)
      .all()
      .map(member => ({ ...member, name: names.get(member.id) ?? '' }))
  return { self, members } satisfies KnownNodes
}

t.test('a node is found by its name, its id, and the beginning of its id', async t => {
  const nodes = knowing(['two', 'two'])
  for (const word of ['two', nodeId('two'), nodeId('two').slice(0, 6)]) {
    t.match(findNode(word, nodes), { isSelf: false, name: 'two', member: { id: nodeId('two') } })
  }
  for (const word of ['self', 'one', nodeId('one')]) {
    t.strictSame(findNode(word, nodes), { isSelf: true, name: 'one' })
  }
})

t.test('a name that several have is no name, unless all but one are gone', async t => {
  t.throws(() => findNode('two', knowing(['a', 'two'], ['b', 'two'])), {
    status: 409,
    message: new RegExp(nodeId('a').slice(0, 12)),
  })
  t.throws(() => findNode('one', knowing(['a', 'one'])), { name: 'ProblemError', status: 409 })
  t.match(findNode('two', knowing(['a', 'two', 'gone'], ['b', 'two'])), {
    member: { id: nodeId('b') },
  })
  t.match(findNode('one', knowing(['a', 'one', 'gone'])), { isSelf: true })
  t.match(findNode('two', knowing(['a', 'two', 'gone'])), { member: { state: 'gone' } })
})

t.test('self is this node even where another is called so', async t => {
  t.match(findNode('self', knowing(['a', 'self'])), { isSelf: true })
})

t.test('who is not known is told with those who are', async t => {
  const word = 'zz'
  t.throws(() => findNode(word, knowing(['a', 'galley'], ['b', 'bridge'])), {
    status: 404,
    message: 'no node is called "zz"; known are bridge, galley, one',
  })
  t.throws(() => findNode(nodeId('a').slice(0, 5), knowing(['a', 'galley'])), {
    name: 'ProblemError',
    status: 404,
  })
  const many = Array.from({ length: 30 }, (_, at) => [`n${at}`, `n${at + 10}`] as const)
  t.throws(() => findNode(word, knowing(...many)), { message: / and 11 more$/ })
})
