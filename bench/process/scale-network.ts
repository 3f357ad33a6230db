import type { PushWire } from '../../src/adapters/push-bus/push-wire.ts'
import { kindOf } from '../../src/daemon/message-kind.ts'
import type { NodeId } from '../../src/ports/node-id.ts'
import { type PeerAnswer, type PeerClient, PeerFailure } from '../../src/ports/peer-port.ts'

/** What a question belongs to. */
export type TrafficPart = 'hellos' | 'records' | 'bus' | 'sync' | 'index' | 'members'

/** Questions, and bytes of questions and answers without those of HTTP and TLS. */
type Traffic = Map<TrafficPart, { questions: number; bytes: number }>

/** One node's peer port. */
interface Port {
  readonly id: NodeId
  readonly address: string
  readonly answers: Map<string, PeerAnswer>
  /** Whom it asked or answered for anything but the bus, and when last, monotonic ms. */
  readonly talkedWith: Map<NodeId, number>
}

/** Peer ports in one process that ask each other by plain calls. */
export interface ScaleNetwork {
  readonly traffic: Traffic
  open(id: NodeId): Port
  close(port: Port): void
  wire(from: Port): PushWire
  client(
    from: Port,
    heard: {
      readonly onHeard: (id: NodeId, roundTripMs: number) => void
      readonly onMissed: (id: NodeId) => void
    },
  ): Pick<PeerClient, 'call' | 'stream'>
}

const keyId = '0badcafe'

/** Without nodes. */
export function createScaleNetwork(): ScaleNetwork {
  const byAddress = new Map<string, Port>()
  const byId = new Map<NodeId, Port>()
  const traffic: Traffic = new Map()

  function count(part: TrafficPart, questions: number, bytes: number): void {
    const sum = traffic.get(part) ?? { questions: 0, bytes: 0 }
    sum.questions += questions
    sum.bytes += bytes
    traffic.set(part, sum)
  }

  async function ask(
    from: Port,
    to: Port | undefined,
    subject: string,
    question: Uint8Array,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    if (to === undefined) throw new PeerFailure('unreachable', 'nobody is there')
    const part = partOf(subject, question)
    count(part, 1, question.length)
    if (!subject.startsWith('push/')) {
      from.talkedWith.set(to.id, performance.now())
      to.talkedWith.set(from.id, performance.now())
    }
    const given = to.answers.get(subject)
    if (given === undefined) throw new PeerFailure('absent', subject)
    const answer = await given(Uint8Array.from(question), from.id, signal)
    count(part, 0, answer.length)
    return answer
  }

  return {
    traffic,
    open(id) {
      const number = byAddress.size + 1
      const address = `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}:5052`
      const port: Port = { id, address, answers: new Map(), talkedWith: new Map() }
      byAddress.set(address, port)
      byId.set(id, port)
      return port
    },
    close(port) {
      // The place stays taken: no other node comes there.
      byAddress.set(port.address, { ...port, id: '', answers: new Map() })
      byId.delete(port.id)
    },
    wire: from => ({
      async ask(address, subject, question, { signal }) {
        const to = byAddress.get(address)
        const isThere = to !== undefined && to.id !== ''
        const answer = await ask(from, isThere ? to : undefined, subject, question, signal)
        return { id: to?.id ?? '', keyId, answer }
      },
    }),
    client: (from, { onHeard, onMissed }) => ({
      async call(id, subject, question, { signal }) {
        const sinceMs = performance.now()
        try {
          const answer = await ask(from, byId.get(id), subject, question, signal)
          onHeard(id, performance.now() - sinceMs)
          return answer
        } catch (error) {
          if (!(error instanceof PeerFailure)) throw new PeerFailure('protocol', subject, error)
          if (error.code === 'unreachable') onMissed(id)
          throw error
        }
      },
      // biome-ignore lint/correctness/useYield: no node is so far behind that it streams
      async *stream() {
        throw new PeerFailure('absent', 'no streams here')
      },
    }),
  }
}

function partOf(subject: string, question: Uint8Array): TrafficPart {
  if (subject === 'push/message') return kindOf(question) === 'records' ? 'records' : 'hellos'
  if (subject.startsWith('push/')) return 'bus'
  if (subject.startsWith('sync/')) return 'sync'
  return subject.startsWith('index/') ? 'index' : 'members'
}
