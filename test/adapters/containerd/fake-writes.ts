import { hash } from 'node:crypto'
import { type ServerDuplexStream, status } from '@grpc/grpc-js'
import type { LabelledInfo, WriteRequest } from '../../../src/adapters/containerd/definitions.ts'

/** How blobs come into a stand-in for containerd. */
export interface FakeWrites {
  /** `Content.Write`: every message gets an answer, and the last one the blob. */
  write(call: ServerDuplexStream<WriteRequest, object>): void
  abort(question: { ref: string }): object | undefined
  info(question: { digest: string }): { info: LabelledInfo } | undefined
  update(question: { info: LabelledInfo }): object
  /** What is on its way in, by its place. */
  readonly arriving: ReadonlyMap<string, Buffer>
  /** From now on no byte is taken: nothing is answered, or it is refused. */
  refuse(how: 'silently' | 'loudly'): void
}

export function createFakeWrites(blobs: {
  has(digest: string): boolean
  add(digest: string, bytes: Buffer): void
}): FakeWrites {
  const arriving = new Map<string, Buffer>()
  const labels = new Map<string, Readonly<Record<string, string>>>()
  let refusal: 'silently' | 'loudly' | undefined

  function step(message: WriteRequest): { readonly offset: number } | status {
    const { action, ref, expected, data = Buffer.alloc(0) } = message
    if (blobs.has(expected)) return status.ALREADY_EXISTS
    if (action !== 'STAT' && refusal === 'loudly') return status.RESOURCE_EXHAUSTED
    const bytes = Buffer.concat([arriving.get(ref) ?? Buffer.alloc(0), data])
    arriving.set(ref, bytes)
    return action === 'COMMIT' ? commit(message, bytes) : { offset: bytes.length }
  }

  function commit({ ref, expected, total, ...message }: WriteRequest, bytes: Buffer) {
    const isRight = bytes.length === total && `sha256:${hash('sha256', bytes)}` === expected
    if (!isRight) return status.FAILED_PRECONDITION
    arriving.delete(ref)
    labels.set(expected, { ...message.labels })
    blobs.add(expected, bytes)
    return { offset: total }
  }

  return {
    write(call) {
      call.on('data', (message: WriteRequest) => {
        if (message.action !== 'STAT' && refusal === 'silently') return
        const done = step(message)
        if (typeof done === 'object') call.write({ action: message.action, ...done })
        else call.emit('error', { code: done, details: `fails: ${status[done]}` })
      })
      call.on('end', () => call.end())
    },
    abort: ({ ref }) => (arriving.delete(ref) ? {} : undefined),
    info: ({ digest }) =>
      blobs.has(digest) ? { info: { digest, labels: labels.get(digest) ?? {} } } : undefined,
    update({ info }) {
      labels.set(info.digest, { ...labels.get(info.digest), ...info.labels })
      return {}
    },
    arriving,
    refuse(how) {
      refusal = how
    },
  }
}
