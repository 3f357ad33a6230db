import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { type ExportImages, NotHere } from '../../archive/export-images.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { parseReference } from '../../oci/reference.ts'
import { exportQuery } from './contract.ts'
import { sendProblem } from './problem.ts'
import { QueryFault, readQuery } from './read-query.ts'

/** `GET /api/v1/export`: a bundle, sent as it is made. A 404 says what is not here; a connection that is cut, that something went wrong. */
export function addExport(app: FastifyInstance, exportImages: ExportImages): void {
  app.get('/api/v1/export', async (request, reply) => {
    const { ref, platform, pinned, referrers } = readQuery(exportQuery, listed(request.query))
    const platforms = platform.map(text => {
      const parsed = parsePlatform(text)
      if (parsed === undefined) throw new QueryFault(`platform: ${JSON.stringify(text)} is none`)
      return parsed
    })
    try {
      const bundle = exportImages({
        references: ref.map(parseReference),
        pinned,
        platforms: platforms.length === 0 ? undefined : platforms,
        referrers,
      })
      return reply.type('application/zstd').send(Readable.from(bundle, { objectMode: false }))
    } catch (error) {
      if (!(error instanceof NotHere)) throw error
      return sendProblem(reply, { status: 404, title: 'Not Found', detail: error.message })
    }
  })
}

/** One `ref` is a text to the parser of queries, several are a list. */
function listed(query: unknown): unknown {
  const { ref, platform, ...rest } = query as Record<string, unknown>
  return { ...rest, ref: [ref ?? []].flat(), platform: [platform ?? []].flat() }
}
