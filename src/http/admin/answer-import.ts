import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ImportArchive, ImportReport } from '../../archive/import-archive.ts'
import { parseReference, type Repository } from '../../oci/reference.ts'
import { ArchiveRefusal } from '../../ports/archive.ts'
import { HoldfastError } from '../../ports/errors.ts'
import { type ImportAnswer, importQuery } from './contract.ts'
import { sendProblem } from './problem.ts'
import { readQuery } from './read-query.ts'

/** The type of an archive in a request, however it is packed. */
const archiveType = 'application/octet-stream'

/** `POST /api/v1/import`: the body is an archive, read as it comes. A refusal is a 422 that says why. */
export function addImport(
  app: FastifyInstance,
  {
    importArchive,
    asOf,
  }: {
    readonly importArchive: ImportArchive
    readonly asOf: () => { readonly node: string; readonly asOf: string }
  },
): void {
  app.addContentTypeParser(archiveType, (_request, payload, done) => done(null, payload))
  app.post('/api/v1/import', async (request, reply) => {
    const { name } = readQuery(importQuery, request.query)
    const body = request.body as Readable | undefined
    if (body === undefined) {
      const detail = `the body is to be an archive, as ${archiveType}`
      return sendProblem(reply, { status: 400, title: 'Bad Request', detail })
    }
    const gone = new AbortController()
    request.raw.on('close', () => {
      if (!request.raw.complete) gone.abort()
    })
    const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    // Not ended by who stops reading: that would cut the connection before the answer.
    const bytes = { [Symbol.asyncIterator]: () => ({ next: () => chunks.next() }) }
    const within: Repository | undefined = name === undefined ? undefined : parseReference(name)
    try {
      const report = await importArchive(bytes, { within, signal: gone.signal })
      return { ...asOf(), ...describe(report) } satisfies ImportAnswer
    } catch (error) {
      await drain(chunks) // a client that is still sending would not hear the answer
      return tell(reply, error)
    }
  })
}

function describe({
  images,
  addedBytes,
  warnings,
}: ImportReport): Omit<ImportAnswer, 'node' | 'asOf'> {
  return {
    images: images.map(({ reference, digest, platforms, isComplete }) => ({
      ...(reference !== undefined && { reference }),
      digest,
      platforms: [...platforms],
      complete: isComplete,
    })),
    addedBytes,
    warnings: [...warnings],
  }
}

/** How long a client may go on sending what was refused, ms. */
const drainMs = 30_000

async function drain(chunks: AsyncIterator<unknown>): Promise<void> {
  const endMs = performance.now() + drainMs
  try {
    for (let more = true; more && performance.now() < endMs; ) more = !(await chunks.next()).done
  } catch {
    // The client has gone.
  }
}

function tell(reply: FastifyReply, error: unknown): FastifyReply {
  if (error instanceof ArchiveRefusal) {
    const detail = `refused (${error.code}): ${error.message}`
    return sendProblem(reply, { status: 422, title: 'Unprocessable Content', detail })
  }
  if (error instanceof HoldfastError && error.code === 'store-full') {
    return sendProblem(reply, { status: 507, title: 'Insufficient Storage', detail: error.message })
  }
  throw error
}
