import type { ContentStore } from '../ports/content-store.ts'

/** A store that tells what is still on its way to the disk. */
export interface TrackedStore<S extends ContentStore> {
  readonly store: S
  /** Settles when everything that is being made durable now is, or has failed; `undefined` when nothing is. */
  settled(): Promise<void> | undefined
}

/**
 * Clients get the end of a blob, and a manifest, when it is verified; making it durable goes on behind. Until then the store does not
 * hold it, and who asks in that moment has to wait for a moment rather than hear that it is not here.
 */
export function trackCommits<S extends ContentStore>(inner: S): TrackedStore<S> {
  const underWay = new Set<Promise<unknown>>()

  function track<T>(work: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = work.catch(() => {}).then(() => underWay.delete(ended))
    underWay.add(ended)
    return work
  }

  return {
    store: {
      ...inner,
      put: (digest, bytes) => track(inner.put(digest, bytes)),
      async write(digest, size) {
        const writer = await inner.write(digest, size)
        return {
          ...writer,
          get offset() {
            return writer.offset
          },
          commit: () => track(writer.commit()),
        }
      },
    },
    settled: () => (underWay.size === 0 ? undefined : Promise.all(underWay).then(() => undefined)),
  }
}
