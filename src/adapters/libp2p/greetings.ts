import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { BusFailure, maxBusBytes } from '../../ports/bus.ts'
import type { NodeId } from '../../ports/node-id.ts'
import { readFrame, writeFrame } from './frame.ts'
import { asError } from './links.ts'
import { toNodeId } from './node-key.ts'

const protocol = '/holdfast/greet/1'

/** A greeting and its answer, together. */
const greetingMs = 5_000

/** Greetings that are answered at a time, of all nodes together; more are refused. */
const maxAnswering = 16

type AnswerGreeting = (greeting: Uint8Array, from: NodeId) => Promise<Uint8Array>

/** Greets and is greeted, each over a stream of its own. */
export interface Greetings {
  answer(answer: AnswerGreeting): void
  /** Rejects with `BusFailure`. */
  greet(connection: Connection, greeting: Uint8Array, signal: AbortSignal): Promise<Uint8Array>
}

/** Registers the protocol with a node. */
export async function openGreetings(node: Pick<Libp2p, 'handle'>): Promise<Greetings> {
  let answer: AnswerGreeting | undefined
  let answering = 0

  async function receive(stream: Stream, connection: Connection): Promise<void> {
    const from = toNodeId(connection.remotePeer)
    if (answer === undefined || from === undefined || answering >= maxAnswering) {
      stream.abort(new Error('not now'))
      return
    }
    answering += 1
    try {
      const signal = AbortSignal.timeout(greetingMs)
      const greeting = await readFrame(stream, maxBusBytes, signal)
      await writeFrame(stream, bounded(await answer(greeting, from)), signal)
    } catch (error) {
      stream.abort(asError(error))
    } finally {
      answering -= 1
    }
  }

  await node.handle(protocol, receive, { maxInboundStreams: 4, maxOutboundStreams: 4 })
  return {
    answer(next) {
      answer = next
    },
    async greet(connection, greeting, given) {
      bounded(greeting)
      const signal = AbortSignal.any([given, AbortSignal.timeout(greetingMs)])
      let stream: Stream | undefined
      try {
        stream = await connection.newStream(protocol, { signal })
        await writeFrame(stream, greeting, signal)
        return await readFrame(stream, maxBusBytes, signal)
      } catch (error) {
        stream?.abort(asError(error))
        const peer = toNodeId(connection.remotePeer) ?? 'a peer'
        throw new BusFailure('unreachable', `${peer} did not answer the greeting`, error)
      }
    },
  }
}

function bounded(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength <= maxBusBytes) return bytes
  throw new RangeError(`a greeting of ${bytes.byteLength} bytes: ${maxBusBytes} is the most`)
}
