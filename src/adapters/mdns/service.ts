import type { ResponseOutgoingPacket, ResponsePacket } from 'multicast-dns'
import { type NodeId, parseNodeId } from '../../ports/node-id.ts'

type Answer = NonNullable<ResponsePacket['answers']>[number]
type OutgoingAnswer = NonNullable<ResponseOutgoingPacket['answers']>[number]

/** How nodes call themselves on the local network (RFC 6763). */
export const serviceName = '_holdfast._tcp.local'

/** A node that answered. */
export interface FoundNode {
  readonly id: NodeId
  /** Of its mesh listener. */
  readonly port: number
  readonly keyIds: readonly string[]
}

const ttlSeconds = 120
const maxKeyIds = 8
const maxInstances = 64

/** What this node says of itself: name, port, keys. */
export function answersFor(node: {
  readonly self: NodeId
  readonly meshPort: number
  readonly keyIds: readonly string[]
  /** Of the interface it is said on. */
  readonly address: string
}): ResponseOutgoingPacket {
  // A label has at most 63 bytes.
  const label = node.self.slice(0, 32)
  const instance = `${label}.${serviceName}`
  const target = `${label}.holdfast.local`
  const common = { ttl: ttlSeconds } as const
  const answers: OutgoingAnswer[] = [
    { name: serviceName, type: 'PTR', data: instance, ...common },
    { name: instance, type: 'SRV', data: { port: node.meshPort, target }, ...common },
    {
      name: instance,
      type: 'TXT',
      data: [`id=${node.self}`, `keys=${node.keyIds.slice(0, maxKeyIds).join(',')}`],
      ...common,
    },
    { name: target, type: 'A', data: node.address, ...common },
  ]
  return { answers }
}

/** The nodes that are told of in an answer; whatever is not understood is left out. */
export function readAnswers(answers: readonly Answer[]): readonly FoundNode[] {
  const ports = new Map<string, number>()
  const texts = new Map<string, ReadonlyMap<string, string>>()
  for (const answer of answers.slice(0, 4 * maxInstances)) {
    const name = answer.name.toLowerCase()
    if (!name.endsWith(`.${serviceName}`)) continue
    if (answer.type === 'SRV') ports.set(name, answer.data.port)
    if (answer.type === 'TXT') texts.set(name, readText(answer.data))
  }
  return [...ports].flatMap(([name, port]): FoundNode[] => {
    const id = parseNodeId(texts.get(name)?.get('id') ?? '')
    if (id === undefined || !(port >= 1 && port <= 65_535)) return []
    const keyIds = texts.get(name)?.get('keys')?.split(',').slice(0, maxKeyIds) ?? []
    return [{ id, port, keyIds }]
  })
}

function readText(data: unknown): ReadonlyMap<string, string> {
  const lines = Array.isArray(data) ? data : [data]
  const pairs = lines.map(line => {
    const text = String(line)
    const at = text.indexOf('=')
    return [text.slice(0, at), text.slice(at + 1)] as const
  })
  return new Map(pairs)
}
