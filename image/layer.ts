import { createHash, type Hash } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { type Pack, pack } from 'tar-stream'
import { arrange, type Entry } from './entry.ts'

/** A layer as an image has it. */
export interface Layer {
  /** Packed. */
  readonly bytes: Buffer
  /** Digest of the tar before it was packed: what the image's config lists. */
  readonly diffId: string
  /** What made it, for the image's history. */
  readonly madeOf: string
}

export interface LayerOptions {
  readonly madeOf: string
  /** Modification time of everything in it, in seconds since 1970. */
  readonly timeS: number
}

/** Packs entries. Equal entries are equal bytes: in the order of paths, with one time, numeric owners, and nothing of this machine. */
export async function makeLayer(
  entries: readonly Entry[],
  { madeOf, timeS }: LayerOptions,
): Promise<Layer> {
  const tar = pack()
  const hash = createHash('sha256')
  const gzip = createGzip({ level: 6 })
  const packed = Promise.all([buffer(gzip), pipeline(hashed(tar, hash), gzip)])
  for (const entry of arrange(entries)) tar.entry(headerOf(entry, timeS), entry.data ?? '')
  tar.finalize()
  const [bytes] = await packed
  // gzip's header names the system it was packed on. https://www.rfc-editor.org/rfc/rfc1952#page-8
  bytes[9] = 255
  return { bytes, diffId: `sha256:${hash.digest('hex')}`, madeOf }
}

async function* hashed(tar: Pack, hash: Hash): AsyncGenerator<Uint8Array> {
  for await (const chunk of tar as AsyncIterable<Uint8Array>) {
    hash.update(chunk)
    yield chunk
  }
}

function headerOf({ path, type, mode, data, target, owner = 0 }: Entry, timeS: number) {
  return {
    name: path,
    type,
    mode,
    uid: owner,
    gid: owner,
    mtime: new Date(timeS * 1000),
    ...(type === 'file' && { size: data?.length ?? 0 }),
    ...(target !== undefined && { linkname: target }),
  }
}
