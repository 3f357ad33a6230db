import { type Digest, digestOf } from '../../src/oci/digest.ts'
import { mediaTypeOf } from '../../src/oci/manifest.ts'
import {
  formatRepository,
  formatTag,
  type Repository,
  type TagReference,
} from '../../src/oci/reference.ts'
import { type FailureClass, type FailureReason, UpstreamFailure } from '../../src/ports/errors.ts'
import type { BlobAnswer, Reach, Upstream } from '../../src/ports/upstream.ts'
import { createScriptedBody, type ScriptedBody } from './scripted-body.ts'

/** The questions an upstream can be asked. */
export type Question = 'resolveTag' | 'getManifest' | 'getBlob' | 'listTags' | 'listReferrers'

/** One question as the fake was asked it. */
export interface AskedUpstream {
  readonly question: Question
  /** `registry/repository:tag`, `registry/repository@digest` or `registry/repository`. */
  readonly about: string
  /** Of a blob. */
  readonly offset: number | undefined
  readonly signal: AbortSignal
}

type Script<Q extends Question> = (...asked: Parameters<Upstream[Q]>) => ReturnType<Upstream[Q]>

const reasons: Readonly<Record<FailureClass, FailureReason>> = {
  unreachable: 'reset',
  'rate-limited': 'rate-limited',
  denied: 'denied',
  'not-found': 'not-found',
  clock: 'clock',
}

/** A failure of the given class. */
export function failure(
  code: FailureClass,
  reason: FailureReason = reasons[code],
): UpstreamFailure {
  return new UpstreamFailure(code, reason, `the fake says ${reason}`)
}

/**
 * An upstream in memory that answers truthfully unless told otherwise, at once and without timers. It holds every content under every
 * repository.
 */
export function createFakeUpstream() {
  const contents = new Map<Digest, Buffer>()
  const tags = new Map<string, Digest>()
  const asked: AskedUpstream[] = []
  const once = new Map<Question, Script<never>[]>()
  const always = new Map<Question, Script<never>>()
  const reaches = new Map<string, Reach>()
  const listeners = new Set<(registry: string, repository: string | undefined) => void>()
  const waiting = new Set<() => void>()
  let blobBytes = 0

  function note(question: Question, about: string, signal: AbortSignal, offset?: number): void {
    asked.push({ question, about, offset, signal })
    for (const look of waiting) look()
  }

  function scripted<Q extends Question>(question: Q): Script<Q> | undefined {
    return (once.get(question)?.shift() ?? always.get(question)) as unknown as Script<Q> | undefined
  }

  function find(digest: Digest): Buffer {
    const bytes = contents.get(digest)
    if (bytes === undefined) throw failure('not-found')
    return bytes
  }

  async function* chunks(bytes: Buffer, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 64 * 1024) {
      signal.throwIfAborted()
      const chunk = bytes.subarray(at, at + 64 * 1024)
      blobBytes += chunk.length
      yield chunk
    }
  }

  const upstream: Upstream = {
    async resolveTag(key, options) {
      note('resolveTag', formatTag(key), options.signal)
      const script = scripted('resolveTag')
      if (script !== undefined) return script(key, options)
      const digest = tags.get(formatTag(key))
      if (digest === undefined) throw failure('not-found')
      const bytes = find(digest)
      return {
        digest,
        mediaType: mediaTypeOf(bytes) ?? 'application/octet-stream',
        size: bytes.length,
        dateMs: undefined,
        overTls: false,
        manifest: undefined,
        endpoint: `https://${key.registry}`,
      }
    },
    async getManifest(repository, digest, signal) {
      note('getManifest', `${formatRepository(repository)}@${digest}`, signal)
      const script = scripted('getManifest')
      if (script !== undefined) return script(repository, digest, signal)
      const bytes = find(digest)
      return { digest, bytes, mediaType: mediaTypeOf(bytes) ?? 'application/octet-stream' }
    },
    async getBlob(repository, digest, offset, signal) {
      note('getBlob', `${formatRepository(repository)}@${digest}`, signal, offset)
      const script = scripted('getBlob')
      if (script !== undefined) return script(repository, digest, offset, signal)
      const bytes = find(digest)
      return { offset, size: bytes.length, body: chunks(bytes.subarray(offset), signal) }
    },
    async listTags(repository, signal) {
      note('listTags', formatRepository(repository), signal)
      const script = scripted('listTags')
      if (script !== undefined) return script(repository, signal)
      const prefix = `${formatRepository(repository)}:`
      return [...tags.keys()]
        .filter(key => key.startsWith(prefix))
        .map(key => key.slice(prefix.length))
    },
    async listReferrers(repository, digest, signal) {
      note('listReferrers', `${formatRepository(repository)}@${digest}`, signal)
      return scripted('listReferrers')?.(repository, digest, signal) ?? []
    },
    reach: repository =>
      reaches.get(formatRepository(repository)) ??
      reaches.get(repository.registry) ?? { state: 'reachable' },
    isConfigured: registry => reaches.get(registry)?.state !== 'unconfigured',
    endpoints: () => [],
    heardAtMs: () => undefined,
    isThere: async () => false,
    tryUnheard() {},
    onRecovered(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }

  return {
    ...upstream,
    /** Questions so far, oldest first. */
    asked: asked as readonly AskedUpstream[],
    /** How often a question was asked so far. */
    count: (question: Question) => asked.filter(each => each.question === question).length,
    /** Bytes of blobs handed out so far by truthful answers. */
    blobBytes: () => blobBytes,
    /** Takes content it will answer with. */
    add(...all: readonly (Uint8Array | ReadonlyMap<Digest, Buffer>)[]): Digest[] {
      return all.flatMap(content => {
        if (!(content instanceof Uint8Array)) {
          for (const [digest, bytes] of content) contents.set(digest, bytes)
          return [...content.keys()]
        }
        const digest = digestOf(content)
        contents.set(digest, Buffer.from(content))
        return [digest]
      })
    },
    /** Loses content. */
    drop: (digest: Digest) => void contents.delete(digest),
    tag: (key: TagReference, digest: Digest) => void tags.set(formatTag(key), digest),
    /** The next question of this kind is answered by `script`, the one after that by the next script, then truthfully again. */
    next<Q extends Question>(question: Q, script: Script<Q>): void {
      once.set(question, [...(once.get(question) ?? []), script as unknown as Script<never>])
    },
    /** Every question of this kind is answered by `script`, or with `undefined` truthfully again. */
    answer<Q extends Question>(question: Q, script: Script<Q> | undefined): void {
      if (script === undefined) always.delete(question)
      else always.set(question, script as unknown as Script<never>)
    },
    /** The next blob asked for is sent by the test, piece by piece. */
    nextBody(size: number | undefined): ScriptedBody {
      const body = createScriptedBody()
      this.next('getBlob', async (_repository, _digest, offset, signal): Promise<BlobAnswer> => {
        return { offset, size, body: body.open(offset, signal) }
      })
      return body
    },
    /** What `reach` says of a registry, or of one repository (`registry/repository`). */
    setReach: (name: string, reach: Reach) => void reaches.set(name, reach),
    /** Something is back: reachable, and told to whoever listens. */
    recover(registry: string, repository?: string): void {
      reaches.delete(repository === undefined ? registry : `${registry}/${repository}`)
      for (const listener of listeners) listener(registry, repository)
    },
    /** Settles once the questions so far satisfy `isTrue`. */
    until(isTrue: (asked: readonly AskedUpstream[]) => boolean): Promise<void> {
      return new Promise(resolve => {
        const look = (): void => {
          if (!isTrue(asked)) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      })
    },
  }
}

/** Where the fake is asked. */
export function repositoryOf(repository: string, registry = 'reg.test'): Repository {
  return { registry, repository }
}
