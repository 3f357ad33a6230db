import type { ServerResponse } from 'node:http'
import { checkRegistry } from '../ports/check-registry.ts'
import { type CheckBlob, makeCheckImage } from './check-image.ts'
import type { Asked } from './mirror-question.ts'
import { sendAnswer, sendError } from './send-answer.ts'

/** Answers for images of {@link checkRegistry}: the repository is the seed, and every tag points to its image. */
export function answerCheck(asked: Asked, response: ServerResponse): void {
  const found = find(asked)
  if (found === undefined) {
    const message = `${checkRegistry} has images alone, made when they are asked for`
    sendError(response, 404, { code: 'MANIFEST_UNKNOWN', message })
    return
  }
  const { mediaType, digest, bytes } = found
  const headers = ['Content-Type', mediaType, 'Content-Length', String(bytes.length)]
  headers.push('Docker-Content-Digest', digest, 'Holdfast-Source', 'check')
  sendAnswer(response, 200, headers, bytes)
}

function find({ about, repository }: Asked): CheckBlob | undefined {
  if (about.kind !== 'manifest' && about.kind !== 'blob') return undefined
  const { manifest, blobs } = makeCheckImage(repository.repository)
  if (about.kind === 'blob') return blobs.find(({ digest }) => digest === about.digest)
  return about.digest === undefined || about.digest === manifest.digest ? manifest : undefined
}
