import type { MaintainedStore } from '../ports/content-upkeep.ts'
import { HoldfastError } from '../ports/errors.ts'

/**
 * The own store of a node that keeps nothing itself: it holds nothing and takes nothing (`not-kept`). What another program on the machine
 * holds is served beside it; everything else is passed on.
 */
export function createEmptyStore(): MaintainedStore {
  const refuse = async () => {
    throw new HoldfastError('not-kept', 'this node keeps no content of its own')
  }
  return {
    stat: () => undefined,
    open: async () => undefined,
    get: async () => undefined,
    put: refuse,
    write: refuse,
    takeIn: refuse,
    partial: () => 0,
    delete: async () => {},
    list: () => [],
    // No room to offer: no other node leaves anything to this one.
    usage: async () => ({ blobs: 0, blobBytes: 0, partialBytes: 0, freeBytes: 0, totalBytes: 0 }),
    onChange: () => () => {},
    partials: () => [],
    dropPartial: async () => 0,
    quarantined: () => [],
    reverify: async () => 'absent',
  }
}
