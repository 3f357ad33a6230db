import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { ClusterKey } from '../../ports/cluster-keys.ts'
import type { NodeId } from '../../ports/node-id.ts'

/**
 * What both sides of a new connection say before anything else: which cluster key they have, and the proof. The proof is bound to this
 * one connection by TLS' exporter, to both nodes, and to the side that makes it: nothing of it serves elsewhere.
 */
export interface Preface {
  readonly verdict: Verdict
  readonly keyId: string
  readonly proof: Buffer
}

/** What a side makes of the other's proof. */
export type Verdict = 'accepted' | 'unknown-key' | 'wrong-proof' | 'banned' | 'full'

/** Both ends of a connection. */
export interface Ends {
  readonly client: NodeId
  readonly server: NodeId
}

/** In the order of their byte on the wire. */
const verdicts: readonly Verdict[] = ['accepted', 'unknown-key', 'wrong-proof', 'banned', 'full']

const magic = Buffer.from('hfp1')
const keyIdBytes = 8
const proofBytes = 32
const prefaceBytes = magic.length + 1 + keyIdBytes + proofBytes

/** Source: https://www.rfc-editor.org/rfc/rfc8446#section-7.5 */
const exporterLabel = 'EXPORTER-holdfast-peer-1'

/** The proof that one side has a key. */
export function proofOf(
  key: ClusterKey,
  role: 'client' | 'server',
  { client, server }: Ends,
  socket: TLSSocket,
): Buffer {
  const exported = socket.exportKeyingMaterial(32, exporterLabel, Buffer.alloc(0))
  return createHmac('sha256', key.secret)
    .update(`holdfast peer 1\n${role}\n${client}\n${server}\n`)
    .update(exported)
    .digest()
}

/** Whether two proofs are the same; takes as long for any. */
export const isSameProof = (one: Buffer, other: Buffer): boolean =>
  one.length === other.length && timingSafeEqual(one, other)

/** The bytes of a preface. Without a key: a refusal. */
export function encodePreface(
  verdict: Verdict,
  shown?: { readonly keyId: string; readonly proof: Buffer },
): Buffer {
  const bytes = Buffer.alloc(prefaceBytes)
  magic.copy(bytes)
  bytes[magic.length] = verdicts.indexOf(verdict)
  bytes.write(shown?.keyId ?? '', magic.length + 1, keyIdBytes, 'latin1')
  shown?.proof.copy(bytes, magic.length + 1 + keyIdBytes)
  return bytes
}

function decodePreface(bytes: Buffer): Preface | undefined {
  const verdict = verdicts[bytes[magic.length] ?? verdicts.length]
  if (!bytes.subarray(0, magic.length).equals(magic) || verdict === undefined) return undefined
  const keyEnd = magic.length + 1 + keyIdBytes
  const keyId = bytes.toString('latin1', magic.length + 1, keyEnd)
  return { verdict, keyId, proof: bytes.subarray(keyEnd) }
}

/**
 * Reads the other side's preface and nothing after it; the socket is paused then. `undefined`: what came is none, or the connection ended
 * before. Rejects with the signal's reason.
 */
export async function readPreface(
  socket: Socket,
  signal: AbortSignal,
): Promise<Preface | undefined> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<Buffer | undefined>()
  let came = Buffer.alloc(0)
  const onData = (chunk: Buffer): void => {
    came = Buffer.concat([came, chunk])
    // What is not ours from its first bytes on is not waited for.
    const start = Math.min(came.length, magic.length)
    if (!came.subarray(0, start).equals(magic.subarray(0, start))) resolve(undefined)
    else if (came.length >= prefaceBytes) resolve(came)
  }
  const onEnd = (): void => resolve(undefined)
  const onAbort = (): void => reject(signal.reason)
  socket.on('data', onData)
  socket.once('end', onEnd)
  socket.once('close', onEnd)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const bytes = await promise
    socket.pause()
    if (bytes === undefined) return undefined
    if (bytes.length > prefaceBytes) socket.unshift(bytes.subarray(prefaceBytes))
    return decodePreface(bytes.subarray(0, prefaceBytes))
  } finally {
    socket.removeListener('data', onData)
    socket.removeListener('end', onEnd)
    socket.removeListener('close', onEnd)
    signal.removeEventListener('abort', onAbort)
  }
}
