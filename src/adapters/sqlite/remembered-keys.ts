/** Keys of which something is remembered in memory; beyond it the oldest go. */
const rememberedKeys = 50_000

/** Sets a value and keeps the map small: what was set first goes first. */
export function remember<T>(map: Map<string, T>, key: string, value: T): void {
  if (map.size >= rememberedKeys && !map.has(key)) {
    const oldest = map.keys().next().value
    if (oldest !== undefined) map.delete(oldest)
  }
  map.set(key, value)
}
