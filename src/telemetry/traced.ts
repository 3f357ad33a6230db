import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { PeerClient } from '../ports/peer-port.ts'
import { noTracer, type SpanAttributes, type Tracer } from '../ports/tracer.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { ResolveTag } from '../pull/resolution.ts'

const where = ({ registry, repository }: Repository): SpanAttributes => ({
  'holdfast.registry': registry,
  'holdfast.repository': repository,
})

const what = (repository: Repository, digest: Digest): SpanAttributes => ({
  ...where(repository),
  'holdfast.digest': digest,
})

// What nobody listens to is not wrapped.

/** A span for each tag that is resolved: who answered, and how old it is. */
export function traceResolveTag(resolveTag: ResolveTag, tracer: Tracer): ResolveTag {
  if (tracer === noTracer) return resolveTag
  return (key, options) =>
    tracer.span(
      'resolve tag',
      { ...where(key), 'holdfast.tag': key.tag, 'holdfast.asking': options.asking },
      () => resolveTag(key, options),
      answer => ({
        'holdfast.failure': answer.failure,
        'holdfast.source': answer.found ? answer.source : 'none',
        ...(answer.found && {
          'holdfast.digest': answer.digest,
          'holdfast.age_seconds': answer.ageSeconds,
        }),
      }),
    )
}

/** A span for each question to a registry, to the head of the answer where a blob is asked for. */
export function traceUpstream(upstream: Upstream, tracer: Tracer): Upstream {
  if (tracer === noTracer) return upstream
  return {
    ...upstream,
    resolveTag: (key, options) =>
      tracer.span('upstream tag', { ...where(key), 'holdfast.tag': key.tag }, () =>
        upstream.resolveTag(key, options),
      ),
    getManifest: (repository, digest, signal) =>
      tracer.span('upstream manifest', what(repository, digest), () =>
        upstream.getManifest(repository, digest, signal),
      ),
    getBlob: (repository, digest, offset, signal) =>
      tracer.span(
        'upstream blob',
        { ...what(repository, digest), 'holdfast.offset': offset },
        () => upstream.getBlob(repository, digest, offset, signal),
        ({ size }) => ({ 'holdfast.size': size }),
      ),
  }
}

/** A span for each question to another node for content. */
export function tracePeers<T extends PeerClient>(client: T, tracer: Tracer): T {
  if (tracer === noTracer) return client
  const traced: Pick<PeerClient, 'getManifest' | 'openBlob'> = {
    getManifest: (...question) =>
      tracer.span('peer manifest', { 'holdfast.peer': question[0] }, () =>
        client.getManifest(...question),
      ),
    openBlob: (...question) =>
      tracer.span('peer blob', { 'holdfast.peer': question[0] }, () =>
        client.openBlob(...question),
      ),
  }
  return { ...client, ...traced }
}

/** A span for each blob that is opened, read whole or stored. What is served from memory in microseconds has one, too. */
export function traceStore<Store extends ContentStore>(store: Store, tracer: Tracer): Store {
  if (tracer === noTracer) return store
  const openEarly = store.openEarly?.bind(store)
  const of = (digest: Digest): SpanAttributes => ({ 'holdfast.digest': digest })
  return {
    ...store,
    open: digest => tracer.span('store open', of(digest), () => store.open(digest), isHeld),
    ...(openEarly && {
      openEarly: (digest: Digest) =>
        tracer.span('store open', of(digest), () => openEarly(digest), isHeld),
    }),
    get: (digest, maxBytes) =>
      tracer.span('store get', of(digest), () => store.get(digest, maxBytes), isHeld),
    put: (digest, bytes) =>
      tracer.span('store put', { ...of(digest), 'holdfast.size': bytes.byteLength }, () =>
        store.put(digest, bytes),
      ),
    async write(digest, size) {
      const writer = await store.write(digest, size)
      const commit = writer.commit.bind(writer)
      return Object.assign(writer, {
        commit: () => tracer.span('store commit', { ...of(digest), 'holdfast.size': size }, commit),
      })
    },
  }
}

const isHeld = (found: unknown): SpanAttributes => ({ 'holdfast.held': found !== undefined })
