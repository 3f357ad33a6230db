import type { Stream } from '@libp2p/interface'

/** Bytes of the length that goes before a frame. */
const headBytes = 4

/** Sends bytes with their length before them, and nothing after them. */
export async function writeFrame(
  stream: Stream,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const frame = Buffer.alloc(headBytes + bytes.byteLength)
  frame.writeUInt32BE(bytes.byteLength)
  frame.set(bytes, headBytes)
  stream.send(frame)
  await stream.close({ signal })
}

/** Reads one frame. Rejects when it is longer than `maxBytes`, cut short, or late. */
export async function readFrame(
  stream: Stream,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let received = 0
  let wanted: number | undefined
  const abort = (): void => stream.abort(new Error('too late'))
  signal.throwIfAborted()
  signal.addEventListener('abort', abort, { once: true })
  try {
    for await (const chunk of stream) {
      chunks.push(chunk.subarray())
      received += chunk.byteLength
      if (wanted === undefined && received >= headBytes) {
        wanted = headBytes + Buffer.concat(chunks).readUInt32BE()
      }
      if (wanted !== undefined && (wanted > headBytes + maxBytes || received >= wanted)) break
    }
  } finally {
    signal.removeEventListener('abort', abort)
  }
  signal.throwIfAborted()
  if (received !== wanted) throw new RangeError(`${received} bytes of a frame of ${wanted ?? '?'}`)
  return Buffer.concat(chunks).subarray(headBytes)
}
