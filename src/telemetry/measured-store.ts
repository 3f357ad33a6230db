import type { Digest } from '../oci/digest.ts'
import type { BlobWriter, ContentStore } from '../ports/content-store.ts'
import { HoldfastError, type HoldfastErrorCode } from '../ports/errors.ts'

/** What is done with a store; a closed set. */
export type StoreOperation = 'open' | 'get' | 'put' | 'begin' | 'write' | 'commit' | 'delete'

/** How it went; `absent`: it was not held. */
export type StoreOutcome = 'ok' | 'absent' | 'fault' | HoldfastErrorCode

/** Counts what happens in a store. */
export interface StoreMeter {
  operated(operation: StoreOperation, outcome: StoreOutcome): void
  /** A blob appeared or disappeared. `bytes` is its size. */
  changed(kind: 'added' | 'removed', bytes: number): void
}

/** Wraps a store so that its operations are counted. `write` is counted only when it fails: a download has thousands. */
export function measureStore<Store extends ContentStore>(store: Store, meter: StoreMeter): Store {
  async function measure<T>(operation: StoreOperation, doing: Promise<T>): Promise<T> {
    try {
      const result = await doing
      meter.operated(operation, result === undefined && isReading(operation) ? 'absent' : 'ok')
      return result
    } catch (error) {
      meter.operated(operation, outcomeOf(error))
      throw error
    }
  }

  const { openEarly } = store
  store.onChange(({ kind, size }) => meter.changed(kind, size))
  return {
    ...store,
    open: digest => measure('open', store.open(digest)),
    ...(openEarly && { openEarly: (digest: Digest) => measure('open', openEarly(digest)) }),
    get: (digest, maxBytes) => measure('get', store.get(digest, maxBytes)),
    put: (digest, bytes) => measure('put', store.put(digest, bytes)),
    delete: digest => measure('delete', store.delete(digest)),
    write: async (digest, size) => {
      const writer = await measure('begin', store.write(digest, size))
      return measureWriter(writer)
    },
  }

  function measureWriter(writer: BlobWriter): BlobWriter {
    return {
      digest: writer.digest,
      get offset() {
        return writer.offset
      },
      write: async chunk => {
        try {
          await writer.write(chunk)
        } catch (error) {
          meter.operated('write', outcomeOf(error))
          throw error
        }
      },
      read: (into, position) => writer.read(into, position),
      ...(writer.verify && { verify: writer.verify.bind(writer) }),
      commit: () => measure('commit', writer.commit()),
      suspend: () => writer.suspend(),
      discard: () => writer.discard(),
      release: () => writer.release(),
    }
  }
}

const isReading = (operation: StoreOperation): boolean =>
  operation === 'open' || operation === 'get'

const outcomeOf = (error: unknown): StoreOutcome =>
  error instanceof HoldfastError ? error.code : 'fault'
