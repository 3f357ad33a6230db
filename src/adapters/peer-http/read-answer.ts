import { type PeerChunkHashes, PeerFailure, peerChunkBytes } from '../../ports/peer-port.ts'
import type { Answer } from './exchange.ts'

/** Where an answer's bytes lie in a blob. */
export interface Extent {
  readonly offset: number
  /** Of the whole blob. */
  readonly size: number
}

/** The whole of a small answer. Rejects with `PeerFailure` `protocol` when it is larger. */
export async function readSmall(answer: Answer, maxBytes: number, what: string): Promise<Buffer> {
  const tooLarge = async (): Promise<never> => {
    await answer.body.return?.()
    throw new PeerFailure('protocol', `${what}: more than ${maxBytes} bytes`)
  }
  if (numberOf(answer, 'content-length', 0) > maxBytes) return tooLarge()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await answer.body.next()
    if (done) return Buffer.concat(chunks, length)
    length += value.length
    if (length > maxBytes) return tooLarge()
    chunks.push(value)
  }
}

/**
 * What part of a blob an answer holds, held to what was asked; undici sees to it that neither less nor more comes than announced. Throws
 * `PeerFailure` `protocol`; the body then still is to be returned.
 */
export function readExtent(
  answer: Answer,
  asked: { readonly offset: number; readonly end?: number | undefined },
  what: string,
): Extent {
  const length = numberOf(answer, 'content-length', Number.NaN)
  const wrong = (why: string): PeerFailure => new PeerFailure('protocol', `${what}: ${why}`)
  if (Number.isNaN(length)) throw wrong('a blob of no length')
  if (answer.status === 200) {
    const isWhole = asked.offset === 0 && (asked.end ?? length) >= length - 1
    if (!isWhole) throw wrong('the whole in place of a part')
    return { offset: 0, size: length }
  }
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headerOf(answer, 'content-range'))
  const [start, end, size] = [Number(found?.[1]), Number(found?.[2]), Number(found?.[3])]
  const last = Math.min(asked.end ?? size - 1, size - 1)
  if (start !== asked.offset || end !== last || length !== end - start + 1) {
    throw wrong('another part than was asked for')
  }
  return { offset: start, size }
}

/** Hashes of chunks, held to what was asked. Throws `PeerFailure` `protocol`. */
export function readChunkHashes(
  answer: Answer,
  hashes: Buffer,
  { first = 0, last }: { readonly first?: number; readonly last?: number },
  what: string,
): PeerChunkHashes {
  const size = numberOf(answer, 'holdfast-blob-size', Number.NaN)
  const end = Math.ceil(size / peerChunkBytes) - 1
  const told = Math.min(last ?? end, end) - first + 1
  if (hashes.length !== told * 32) {
    throw new PeerFailure('protocol', `${what}: ${hashes.length} bytes for ${told} hashes`)
  }
  return { size, first, hashes }
}

/** A header's text, `''` when it is missing or repeated. */
export function headerOf({ headers }: Answer, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

function numberOf(answer: Answer, name: string, otherwise: number): number {
  const text = headerOf(answer, name)
  return /^\d{1,15}$/.test(text) ? Number(text) : otherwise
}
