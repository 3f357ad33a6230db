import type { Test } from 'tap'
import { shardOf } from '../../src/mesh/index-message.ts'
import { startIndexNode } from '../../src/mesh/index-node.ts'
import { createShardOwners } from '../../src/mesh/index-owners.ts'
import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { silentLog } from '../../src/ports/log.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { createMemoryStore } from '../support/memory-store.ts'
import { createPeerLab, nodeId } from '../support/peer-lab.ts'
import { simulateTime } from './support.ts'

const { signal } = new AbortController()

/** What tests look for. */
export const content = Buffer.from('a layer')
export const digest = digestOf(content)

/** Nodes with an index each, on a time that the test moves. Frozen nodes are silent for `patienceMs` of real time. */
export function openMesh(
  t: Test,
  names: readonly string[],
  zones: Readonly<Record<string, string>> = {},
) {
  const time = simulateTime()
  const lab = createPeerLab({ patienceMs: 100 })
  for (const name of names) {
    lab.serve(nodeId(name), {})
    if (zones[name] !== undefined) lab.say(nodeId(name), { zone: zones[name] })
  }
  const nodes = names.map(openNode)

  function openNode(name: string) {
    const id = nodeId(name)
    const store = createMemoryStore()
    const members = lab.members(id)
    const parts = { store, members, client: lab.client(id), ...time, random: () => 0.5 }
    const index = startIndexNode({ ...parts, log: silentLog }, { zone: zones[name] })
    lab.serve(id, { answers: index.answers })
    t.teardown(() => index.close())
    return {
      id,
      store,
      members,
      ...index,
      async find(of: Digest = digest, saidBy?: NodeId): Promise<readonly NodeId[]> {
        const finding = index.holders.find([of], signal, { saidBy })
        await time.pass(60)
        return (await finding).get(of) ?? []
      },
    }
  }
  const node = (at: number) => {
    const found = nodes[at]
    if (found === undefined) throw new Error(`no node ${at}`)
    return found
  }
  const calls = (subject: string) => lab.asked.filter(({ what }) => what === `call ${subject}`)
  return { time, lab, nodes, node, calls }
}

/** Ten nodes, of which some keep the digest's shard. */
export const openTen = (t: Test) => openMany(t, [...'abcdefghij'])

/** Nodes, some of those that do not keep the digest's shard, and those that do. */
export function openMany(t: Test, names: readonly string[]) {
  const mesh = openMesh(t, names)
  const owners = createShardOwners(mesh.node(0).members)(shardOf(digest))
  const others = mesh.nodes.filter(({ id }) => !owners.includes(id))
  const keepers = mesh.nodes.filter(({ id }) => owners.includes(id))
  const [holder, asker, third] = others
  const last = others.at(-1)
  if (holder === undefined || asker === undefined || third === undefined || last === undefined) {
    throw new Error('few')
  }
  return { ...mesh, owners, keepers, holder, asker, third, last }
}
