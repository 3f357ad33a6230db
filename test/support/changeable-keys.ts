import { createHash } from 'node:crypto'
import type { ClusterKey, ClusterKeys } from '../../src/ports/cluster-keys.ts'

/** Cluster keys that a test changes, as an operator does with a file. */
export interface ChangeableKeys extends ClusterKeys {
  /** The keys of these names, the first to dial with. */
  set(...names: readonly string[]): void
}

/** The key that goes by a name; every test has the same. */
export function keyNamed(name: string): ClusterKey {
  const secret = createHash('sha256').update(`cluster key ${name}`).digest()
  return { id: createHash('sha256').update(secret).digest('hex').slice(0, 8), secret }
}

/** Begins with the keys of these names. */
export function createChangeableKeys(...names: readonly string[]): ChangeableKeys {
  let keys = names.map(keyNamed)
  const listeners = new Set<() => void>()
  return {
    current: () => keys,
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    set(...names) {
      keys = names.map(keyNamed)
      for (const listener of [...listeners]) listener()
    },
  }
}
