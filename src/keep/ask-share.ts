import { isCount, readList } from '../ledger/cbor.ts'
import { parseDigest } from '../oci/digest.ts'
import type { NodeId } from '../ports/node-id.ts'
import { type PeerAnswer, type PeerClient, PeerFailure } from '../ports/peer-port.ts'
import { askNode } from './ask-node.ts'
import type { WarmJob } from './warm-job.ts'
import type { LivePart } from './warm-runner.ts'
import { decodeShare, encodeShare, type Share } from './warm-share.ts'

/** Subject on the peer port: how is your share of a job? */
export const shareSubject = 'warm/share'

/** How long a node may take to answer, ms: it looks into its memory alone. */
const askMs = 1_500
const maxBytes = 1024 * 1024
/** Of a question. */
const maxQuestionBytes = 1_024
/** Parts of all images that are told; beyond it none of the rest. */
const maxParts = 6_000

/** A share at this moment. */
export interface LiveShare {
  readonly share: Share
  readonly parts: readonly LivePart[]
}

/** Answers others who want to know how this node's share of a job is. */
export function createShareAnswer(
  own: (job: string, withParts: boolean) => LiveShare | undefined,
): PeerAnswer {
  return async question => {
    const value = question.byteLength > maxQuestionBytes ? undefined : readJson(question)
    if (!Array.isArray(value)) throw new PeerFailure('protocol', 'no question about a job')
    const [job, withParts]: readonly unknown[] = value
    if (typeof job !== 'string') throw new PeerFailure('protocol', 'no job is named')
    const live = own(job, withParts === true)
    if (live === undefined) throw new PeerFailure('absent', job)
    const rows = live.parts
      .slice(0, maxParts)
      .map(({ image, part: { digest, kind, size }, bytes }) => [
        image,
        digest,
        kind === 'blob' ? 1 : 0,
        size ?? -1,
        bytes,
      ])
    return Buffer.from(JSON.stringify([encodeShare(live.share), rows]))
  }
}

/** Asks a node for its share of a job; `undefined` when it does not say. Rejects only when `signal` aborts. */
export async function askShare(
  client: Pick<PeerClient, 'call'>,
  id: NodeId,
  { id: job, images, createdAtMs }: WarmJob,
  withParts: boolean,
  signal: AbortSignal,
): Promise<LiveShare | undefined> {
  const question = Buffer.from(JSON.stringify([job, withParts]))
  const options = { signal, timeoutMs: askMs, maxBytes }
  const answer = await askNode(client, id, shareSubject, question, options)
  const value = answer && readJson(answer)
  if (!Array.isArray(value)) return undefined
  const [text, rows]: readonly unknown[] = value
  const share = typeof text === 'string' ? decodeShare(text, images.length) : undefined
  const parts = readList(rows, maxParts, row => readPart(row, images.length))
  return share?.jobAtMs === createdAtMs && parts ? { share, parts } : undefined
}

function readPart(row: unknown, images: number): LivePart | undefined {
  if (!Array.isArray(row)) return undefined
  const [image, name, kind, size, bytes]: readonly unknown[] = row
  const digest = typeof name === 'string' ? parseDigest(name) : undefined
  if (!isCount(image, images - 1) || digest === undefined || !isCount(bytes)) return undefined
  if (!(size === -1 || isCount(size))) return undefined
  const part = {
    digest,
    kind: kind === 1 ? 'blob' : 'manifest',
    size: size === -1 ? undefined : size,
  } as const
  return { image, part, bytes }
}

function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
}
