import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Digest } from '../oci/digest.ts'
import { OciError, type OciErrorCode } from '../oci/errors.ts'
import { checkRegistry } from '../ports/check-registry.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { RequestKind } from '../ports/mirror-request.ts'
import type { OpenBlob, StatBlob } from '../pull/get-blob.ts'
import type { GetManifest } from '../pull/got-manifest.ts'
import type { ListReferrers } from '../pull/list-referrers.ts'
import type { ListTags } from '../pull/list-tags.ts'
import type { ResolveTag } from '../pull/resolution.ts'
import type { Admission } from './admission.ts'
import { createAnswerBlob } from './answer-blob.ts'
import { answerCheck } from './answer-check.ts'
import { createAnswerReferrers, createAnswerTags } from './answer-lists.ts'
import { createAnswerManifest } from './answer-manifest.ts'
import { targetOf } from './client-path.ts'
import { createListener, type ListenAddress, type Listener } from './listener.ts'
import { createMirrorApp } from './mirror-app.ts'
import type { MirrorObserver } from './mirror-observer.ts'
import { type Asked, createReadUrl, type Question } from './mirror-question.ts'
import { answerTo, sendError, sendJson, sendOciError } from './send-answer.ts'
import { createTimeBound, type Owed } from './time-bound.ts'

/** What the mirror needs of the rest of the program. */
export interface MirrorParts {
  readonly resolveTag: ResolveTag
  readonly getManifest: GetManifest
  readonly openBlob: OpenBlob
  readonly statBlob: StatBlob
  readonly listTags: ListTags
  readonly listReferrers: ListReferrers
  /** Whether a digest is known to be a manifest's. */
  readonly isManifest: (digest: Digest) => boolean
  /** A client asks for a blob. @returns called when that is over, with whether it was sent all it asked for */
  readonly onAsked: (digest: Digest) => (isSent: boolean) => void
  /** Whether questions about this registry are answered at all. */
  readonly isServed: (registry: string) => boolean
  readonly admission: Admission
  readonly clock: Clock
  readonly log: Log
  readonly observer: MirrorObserver
  /** What this process sends with its own questions to registries. */
  readonly mark?: string
}

export interface MirrorOptions {
  readonly address: ListenAddress
  /** The registry of names without one: `mirror.defaultUpstream`. */
  readonly defaultRegistry: string
  /**
   * The last resort: an answer that is later than this, in ms, is a 503. Journeys have their own deadlines, all of them shorter.
   * containerd before 2.3 would wait for ever. Default 20 000.
   */
  readonly answerWithinMs?: number
  /** How long a stop lets running answers go on, in ms. Default 5000. */
  readonly graceMs?: number
  /** How long a blob's head waits for its first bytes, in ms. Default 250. */
  readonly headHeldMs?: number
}

/**
 * Builds the mirror: the pull half of the distribution spec under one route, `/v2/*`, with the repository named by containerd's `ns`
 * or by the path. It never answers 304, 401, 429 or a redirect, and bounds every answer in time.
 */
export function createMirror(parts: MirrorParts, options: MirrorOptions): Listener {
  const { answerWithinMs = 20_000, graceMs = 5_000, headHeldMs = 250 } = options
  const { clock, log, observer, admission } = parts
  const readUrl = createReadUrl(options)
  const bound = createTimeBound({ boundMs: answerWithinMs })
  const manifest = createAnswerManifest(parts)
  const blob = createAnswerBlob(parts, { headHeldMs })
  const tags = createAnswerTags(parts)
  const referrers = createAnswerReferrers(parts)

  function receive(request: IncomingMessage, response: ServerResponse): void {
    const target = targetOf(request.headers)
    if (target !== undefined) observer.cameBy(target)
    const sentBy = request.headers['holdfast-node']
    if (sentBy === undefined || sentBy !== parts.mark) {
      serve(request, response)
      return
    }
    // No status that a registry gives: what came back to us is nobody's answer.
    sendError(response, 508, loop)
    observer.answered('other', 508)
  }

  function serve(request: IncomingMessage, response: ServerResponse): void {
    const refused = refuse(request)
    const read = refused ?? readUrl(request.url ?? '')
    if (read instanceof OciError) {
      sendOciError(response, read)
      observer.answered(read.code === 'UNSUPPORTED' ? 'write' : 'other', response.statusCode)
    } else if (read.kind === 'asked') {
      ask(read, request, response)
    } else if (read.kind === 'base') {
      sendJson(response, 200, [...apiVersion], '{}')
      observer.answered('base', 200)
    } else {
      sendError(response, 404, { code: 'NAME_UNKNOWN', message: 'there is no catalog here' })
      observer.answered('other', 404)
    }
  }

  function refuse(request: IncomingMessage): OciError | undefined {
    if (!admission.admits(request)) {
      const message = 'this mirror answers its own node, mirror.allow and holders of its token'
      return new OciError('DENIED', message)
    }
    const { method } = request
    if (method === 'GET' || method === 'HEAD') return undefined
    return new OciError('UNSUPPORTED', 'this mirror is read-only')
  }

  function ask(asked: Asked, request: IncomingMessage, response: ServerResponse): void {
    const { registry } = asked.repository
    const kind = requestKind(asked)
    if (registry === checkRegistry) {
      answerCheck(asked, response)
      observer.answered(kind, response.statusCode)
      return
    }
    if (!parts.isServed(registry)) {
      sendError(response, 404, notConfigured(registry))
      observer.answered(kind, 404)
      return
    }
    const owed: Owed = { onOverdue: () => sendError(response, 503, overdue) }
    const { signal, settle } = bound.begin(owed, clock.monotonicMs())
    const isHead = request.method === 'HEAD'
    const question = { asked, request, response, isHead, signal }
    const isAnswered = (): void => {
      settle(owed)
      observer.answered(kind, response.statusCode)
    }
    answer(question)
      .then(isAnswered, error => {
        sendFailure(question, error)
        isAnswered()
      })
      .catch(err => log.error({ err }, 'an answer could not be ended'))
  }

  function answer(question: Question): Promise<void> {
    const { about, key, repository } = question.asked
    switch (about.kind) {
      case 'manifest':
        return about.digest === undefined
          ? manifest.byTag(question, key ?? { ...repository, tag: about.tag })
          : manifest.byDigest(question, about.digest)
      case 'blob':
        return blob(question, about.digest)
      case 'tags':
        return tags(question)
      case 'referrers':
        return referrers(question, about.digest)
      case 'upload':
        return Promise.reject(new OciError('BLOB_UPLOAD_UNKNOWN', 'this mirror is read-only'))
    }
  }

  function sendFailure({ response, asked }: Question, error: unknown): void {
    if (response.headersSent || response.destroyed) return
    const { path } = asked
    const { status, code, isExpected } = answerTo(error)
    if (!isExpected) log.error({ path, err: error }, 'a request failed for a fault of ours')
    const message = error instanceof Error ? error.message : 'unexpected failure'
    sendError(response, status, { code, message: isExpected ? message : 'internal failure' })
  }

  const app = createMirrorApp(receive)
  const listener = createListener(app, { address: options.address, graceMs })
  return {
    listen: listener.listen,
    close: async () => {
      await listener.close()
      bound.close()
    },
  }
}

const apiVersion = ['Docker-Distribution-Api-Version', 'registry/2.0'] as const

const overdue = { code: 'UNKNOWN', message: 'not answered in time' } as const

const loop = {
  code: 'UNKNOWN',
  message: 'this is the mirror itself: it is configured as its own upstream',
} as const

function notConfigured(registry: string): { code: OciErrorCode; message: string } {
  const key = JSON.stringify(registry)
  return {
    code: 'NAME_UNKNOWN',
    message: `registry ${registry} is not configured: add the key upstreams.${key} (or "*") to have it mirrored`,
  }
}

function requestKind({ about, key }: Asked): RequestKind {
  if (about.kind === 'manifest') return key === undefined ? 'manifest-by-digest' : 'manifest-by-tag'
  return about.kind === 'upload' ? 'other' : about.kind
}
