import type { StoreChange } from '../ports/content-store.ts'
import type { MaintainedStore } from '../ports/content-upkeep.ts'
import type { ReadableStore } from '../ports/neighbour-store.ts'

/**
 * Our own store with that of a neighbour behind it: what either holds is held. Everything is written to our own, except a small blob that
 * the neighbour has already; deleting drops our copy alone, and `usage` is ours. Whoever makes room or scrubs does so in our own.
 */
export function uniteStores(own: MaintainedStore, neighbour: ReadableStore): MaintainedStore {
  const { openEarly: openOwn } = own
  const { openEarly: openTheirs } = neighbour

  return {
    ...own,
    stat: digest => own.stat(digest) ?? neighbour.stat(digest),
    open: async digest => (await own.open(digest)) ?? neighbour.open(digest),
    async openEarly(digest) {
      const held = openOwn === undefined ? await whole(own.open(digest)) : await openOwn(digest)
      if (held !== undefined) return held
      return openTheirs === undefined ? whole(neighbour.open(digest)) : openTheirs(digest)
    },
    get: async (digest, maxBytes) =>
      (await own.get(digest, maxBytes)) ?? neighbour.get(digest, maxBytes),
    async put(digest, bytes) {
      // Read rather than believed: what is damaged there has to come in here.
      if (own.stat(digest) === undefined && (await neighbour.get(digest, bytes.length))) return
      await own.put(digest, bytes)
    },
    *list() {
      yield* own.list()
      for (const info of neighbour.list()) if (own.stat(info.digest) === undefined) yield info
    },
    onChange(listener) {
      const unless = (other: Pick<ReadableStore, 'stat'>) => (change: StoreChange) => {
        if (other.stat(change.digest) === undefined) listener(change)
      }
      const leaveOwn = own.onChange(unless(neighbour))
      const leaveTheirs = neighbour.onChange(unless(own))
      return () => {
        leaveOwn()
        leaveTheirs()
      }
    },
    reverify: (digest, pace) =>
      own.stat(digest) === undefined
        ? neighbour.reverify(digest, pace)
        : own.reverify(digest, pace),
  }
}

/** As `openEarly` answers what was verified before it was opened. */
async function whole(
  opening: ReturnType<ReadableStore['open']>,
): ReturnType<NonNullable<ReadableStore['openEarly']>> {
  const reader = await opening
  return reader && { reader, verified: undefined }
}
