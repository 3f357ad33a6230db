import { createHash } from 'node:crypto'
import type { ClusterKey, ClusterKeys } from '../../src/ports/cluster-keys.ts'

/** Keys that a test changes. */
export interface ChangingKeys extends ClusterKeys {
  set(...names: readonly string[]): void
}

/** A made-up key: the same name has the same one. */
export function clusterKeyOf(name: string): ClusterKey {
  const secret = createHash('sha256').update(name).digest()
  return { id: createHash('sha256').update(secret).digest('hex').slice(0, 8), secret }
}

/** Keys of these names; the first dials. */
export function createChangingKeys(...names: readonly string[]): ChangingKeys {
  const listeners = new Set<() => void>()
  let keys = names.map(clusterKeyOf)
  return {
    current: () => keys,
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    set(...names) {
      keys = names.map(clusterKeyOf)
      for (const listener of listeners) listener()
    },
  }
}
