import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { Static } from 'typebox'
import { bundlesUpTo, type EarlierBundle } from '../../archive/bundle-note.ts'
import { type BundleSummary, type ExportImages, TooLong } from '../../archive/export-images.ts'
import { NotHere } from '../../archive/plan-export.ts'
import { maxManifestBytes } from '../../oci/manifest.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { parseReference } from '../../oci/reference.ts'
import { ArchiveRefusal } from '../../ports/archive.ts'
import type { exportQuery } from './contract.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { ProblemError } from './problem.ts'
import { QueryFault } from './read-query.ts'

/**
 * `GET /api/v1/export`: a bundle, sent as it is made. A 404 says what is not here; a connection that is cut, that something went wrong. With
 * POST the body is what an earlier bundle says of itself, and what that one holds is left out.
 */
export function addExport(
  add: AddOperation,
  exportImages: ExportImages,
  ownImage: string | undefined,
): void {
  function answer(
    reply: FastifyReply,
    { ref, platform, pinned, self, referrers }: Static<typeof exportQuery>,
    earlier: readonly EarlierBundle[],
  ): FastifyReply {
    const platforms = platform.map(text => {
      const parsed = parsePlatform(text)
      if (parsed === undefined) throw new QueryFault(`platform: ${JSON.stringify(text)} is none`)
      return parsed
    })
    const { summary, bytes } = exportImages({
      references: [...ref, ...(self ? [own()] : [])].map(parseReference),
      pinned,
      platforms: platforms.length === 0 ? undefined : platforms,
      referrers,
      earlier,
    })
    return reply
      .headers(headersOf(summary))
      .type(operations.exportImages.answer.bytes)
      .send(Readable.from(bytes, { objectMode: false }))
  }

  function own(): string {
    if (ownImage !== undefined) return ownImage
    throw new ProblemError(
      422,
      'this node is not told which image it runs from: set node.image, or name the image',
    )
  }

  add(operations.exportImages, async ({ query, reply }) => telling(() => answer(reply, query, [])))
  add(operations.exportSince, async ({ query, request, reply }) => {
    const note = await readNote(request.body as Readable | undefined)
    return telling(() => answer(reply, query, bundlesUpTo(note, query.since)))
  })
}

/** What the bundle comes to, before it comes. */
const headersOf = ({ id, images, blobs, bytes, leftOut }: BundleSummary) => ({
  'holdfast-bundle': id,
  'holdfast-bundle-images': images,
  'holdfast-bundle-blobs': blobs,
  'holdfast-bundle-bytes': bytes,
  'holdfast-bundle-left-out-blobs': leftOut.blobs,
  'holdfast-bundle-left-out-bytes': leftOut.bytes,
})

function telling(answer: () => FastifyReply): FastifyReply {
  try {
    return answer()
  } catch (error) {
    if (error instanceof NotHere) throw new ProblemError(404, error.message)
    const isUnfit = error instanceof TooLong || error instanceof ArchiveRefusal
    throw isUnfit ? new ProblemError(422, error.message) : error
  }
}

async function readNote(body: Readable | undefined): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of (body ?? []) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxManifestBytes)
      throw new QueryFault(`the body has more than ${maxManifestBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
