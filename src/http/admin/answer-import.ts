import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import pTimeout from 'p-timeout'
import type { ImportArchive, ImportReport } from '../../archive/import-archive.ts'
import { parseReference, type Repository } from '../../oci/reference.ts'
import { ArchiveRefusal } from '../../ports/archive.ts'
import { HoldfastError } from '../../ports/errors.ts'
import type { ImportAnswer } from './contract.ts'
import type { AddOperation } from './operation.ts'
import { operations } from './operations.ts'
import { ProblemError } from './problem.ts'

/** The type of an archive in a request, however it is packed. */
const archiveType = operations.importArchive.body.bytes

/** `POST /api/v1/import`: the body is an archive, read as it comes. A refusal is a 422 that says why. */
export function addImport(
  app: FastifyInstance,
  add: AddOperation,
  {
    importArchive,
    stallMs,
    asOf,
  }: {
    readonly importArchive: ImportArchive
    /** Who began to send and then sends nothing for so long is given up: others wait for their turn. */
    readonly stallMs: number
    readonly asOf: () => { readonly node: string; readonly asOf: string }
  },
): void {
  app.addContentTypeParser(archiveType, (_request, payload, done) => done(null, payload))
  add(operations.importArchive, async ({ query: { name }, request, audit }) => {
    const body = request.body as Readable | undefined
    if (body === undefined) {
      throw new ProblemError(400, `the body is to be an archive, as ${archiveType}`)
    }
    const gone = new AbortController()
    request.raw.on('close', () => {
      if (!request.raw.complete) gone.abort()
    })
    const chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    // Not ended by who stops reading: that would cut the connection before the answer.
    const bytes = { [Symbol.asyncIterator]: () => ({ next: inTime(chunks, stallMs) }) }
    const within: Repository | undefined = name === undefined ? undefined : parseReference(name)
    try {
      const report = await importArchive(bytes, { within, signal: gone.signal })
      const brought = describe(report)
      const { images, addedBytes } = brought
      audit({ subject: 'an archive', after: { images, addedBytes } })
      return { ...asOf(), ...brought } satisfies ImportAnswer
    } catch (error) {
      // A client that is still sending would not hear the answer.
      if (!(error instanceof Stalled)) await drain(chunks)
      throw told(error)
    }
  })
}

/** A client fell silent in the middle of an archive. */
class Stalled extends ProblemError {
  constructor(stallMs: number) {
    super(408, `nothing more of the archive came for ${stallMs / 1000} s`)
  }
}

/** The first bytes may take as long as it takes who packs them; nobody waits for them. */
function inTime(
  chunks: AsyncIterator<Buffer>,
  stallMs: number,
): () => Promise<IteratorResult<Buffer>> {
  let milliseconds = Number.POSITIVE_INFINITY
  return async () => {
    const next = await pTimeout(chunks.next(), { milliseconds, message: new Stalled(stallMs) })
    milliseconds = stallMs
    return next
  }
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
  const draining = (async () => {
    while (!(await chunks.next()).done);
  })()
  // The client may go.
  await pTimeout(draining, { milliseconds: drainMs, fallback: () => {} }).catch(() => {})
}

function told(error: unknown): unknown {
  if (error instanceof ArchiveRefusal) {
    return new ProblemError(422, `refused (${error.code}): ${error.message}`)
  }
  if (!(error instanceof HoldfastError)) return error
  if (error.code === 'store-full') return new ProblemError(507, error.message)
  if (error.code !== 'not-kept') return error
  const cure = 'set store.kind to both, or import it with `ctr --namespace k8s.io images import`'
  return new ProblemError(409, `${error.message}, and what is imported needs a place: ${cure}`)
}
