import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'

import { bundlesUpTo, type EarlierBundle } from '../../archive/bundle-note.ts'
import { type BundleSummary, type ExportImages, TooLong } from '../../archive/export-images.ts'
import { NotHere } from '../../archive/plan-export.ts'
import { maxManifestBytes } from '../../oci/manifest.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { parseReference } from '../../oci/reference.ts'
import { ArchiveRefusal } from '../../ports/archive.ts'
import { exportQuery } from './contract.ts'

import { sendProblem } from './problem.ts'
import { QueryFault, readQuery } from './read-query.ts'

/**
 * `GET /api/v1/export`: a bundle, sent as it is made. A 404 says what is not here; a connection that is cut, that something went wrong. With
 * POST the body is what an earlier bundle says of itself, and what that one holds is left out.
 */
export function addExport(app: FastifyInstance, exportImages: ExportImages): void {
  function answer(
    reply: FastifyReply,
    query: unknown,
    earlier: readonly EarlierBundle[],
  ): FastifyReply {
    const { ref, platform, pinned, referrers } = readQuery(exportQuery, listed(query))
    const platforms = platform.map(text => {
      const parsed = parsePlatform(text)
      if (parsed === undefined) throw new QueryFault(`platform: ${JSON.stringify(text)} is none`)
      return parsed
    })
    const { summary, bytes } = exportImages({
      references: ref.map(parseReference),
      pinned,
      platforms: platforms.length === 0 ? undefined : platforms,
      referrers,
      earlier,
    })
    return reply
      .headers(headersOf(summary))
      .type('application/zstd')
      .send(Readable.from(bytes, { objectMode: false }))
  }

  app.get('/api/v1/export', async (request, reply) =>
    telling(reply, () => answer(reply, request.query, [])),
  )
  app.post('/api/v1/export', async (request, reply) => {
    const { since } = readQuery(exportQuery, listed(request.query))
    const note = await readNote(request.body as Readable | undefined)
    return telling(reply, () => answer(reply, request.query, bundlesUpTo(note, since)))
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

function telling(reply: FastifyReply, answer: () => FastifyReply): FastifyReply {
  try {
    return answer()
  } catch (error) {
    if (error instanceof NotHere) {
      return sendProblem(reply, { status: 404, title: 'Not Found', detail: error.message })
    }
    if (error instanceof TooLong || error instanceof ArchiveRefusal) {
      return sendProblem(reply, {
        status: 422,
        title: 'Unprocessable Content',
        detail: error.message,
      })
    }
    throw error
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

/** One `ref` is a text to the parser of queries, several are a list. */
function listed(query: unknown): unknown {
  const { ref, platform, ...rest } = query as Record<string, unknown>
  return { ...rest, ref: [ref ?? []].flat(), platform: [platform ?? []].flat() }
}
