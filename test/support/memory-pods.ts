import {
  containerKey,
  type PodMemory,
  type RememberedContainer,
} from '../../src/ports/pod-memory.ts'

/** What ran, in memory: give it to the next one, and that was a restart. */
export function createMemoryPods(): PodMemory & { readonly writes: () => number } {
  const kept = new Map<string, RememberedContainer>()
  let writes = 0
  return {
    writes: () => writes,
    load: () => [...kept.values()],
    async write({ put, forgotten }) {
      writes += 1
      for (const key of forgotten) kept.delete(key)
      for (const one of put) kept.set(containerKey(one), one)
    },
  }
}
