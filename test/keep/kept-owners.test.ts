import t from 'tap'
import { createContentOwners, createKeptOwners } from '../../src/keep/kept-owners.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'

const image = (name: string | number) => digestOf(Buffer.from(`${name}`))
const amd64 = { os: 'linux', architecture: 'amd64' }
const arm64 = { os: 'linux', architecture: 'arm64' }

/** Six nodes, the first three of them with clients on amd64, the others on arm64. */
function open() {
  const lab = createPeerLab()
  const names = ['a', 'b', 'c', 'd', 'e', 'f']
  for (const [at, name] of names.entries()) {
    lab.serve(nodeId(name), {})
    lab.say(nodeId(name), { platforms: [at < 3 ? 'linux/amd64' : 'linux/arm64'] })
  }
  const ownersOn = (name: string) =>
    createKeptOwners(lab.members(nodeId(name)), {
      copies: 2,
      zone: undefined,
      platforms: [names.indexOf(name) < 3 ? amd64 : arm64],
    })
  return { lab, names, ownersOn }
}

t.test('each platform has its own owners, and all nodes agree on them', async t => {
  const { names, ownersOn } = open()
  const owners = names.map(ownersOn)
  for (let i = 0; i < 50; i += 1) {
    const those = owners.map(each => each.all(image(i)))
    t.equal(new Set(those.map(ids => [...ids].sort().join())).size, 1)
    t.equal(those[0]?.length, 4)
    const ours = names.filter((_, at) => owners[at]?.isOurs(image(i)))
    t.equal(ours.length, 4)
    t.equal(ours.filter(name => names.indexOf(name) < 3).length, 2, 'two on amd64')
    const arms = owners[0]?.of(image(i), 'linux/arm64') ?? []
    t.ok(arms.every(id => names.slice(3).map(nodeId).includes(id)))
  }
})

t.test('who comes or goes moves only what is, or was, its own', async t => {
  const { lab, ownersOn } = open()
  const owners = ownersOn('a')
  const before = Array.from({ length: 50 }, (_, i) => owners.of(image(i), 'linux/amd64'))
  lab.say(nodeId('c'), { state: 'gone' })
  for (const [i, ids] of before.entries()) {
    const now = owners.of(image(i), 'linux/amd64')
    t.ok(ids.includes(nodeId('c')) || now.join() === ids.join())
    t.notOk(now.includes(nodeId('c')))
  }
})

t.test('what belongs to kept images is left to nobody but the owners of those', async t => {
  const { ownersOn } = open()
  const keptOwners = ownersOn('a')
  const [first, second] = [image('first'), image('second')]
  const layer = image('layer')
  const ownersOf = createContentOwners({
    ownersOf: () => ['by itself'],
    keptOwners,
    keptImagesWith: digest => (digest === layer ? [first, second] : []),
  })
  t.strictSame(ownersOf(image('other')), ['by itself'])
  t.strictSame(
    new Set(ownersOf(layer)),
    new Set([...keptOwners.all(first), ...keptOwners.all(second)]),
  )
})
