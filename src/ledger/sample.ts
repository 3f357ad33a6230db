/** Some of them at random; beyond that in no order. */
export function sample<T>(items: readonly T[], most: number, random: () => number): readonly T[] {
  const pool = [...items]
  const wanted = Math.min(most, pool.length)
  for (let i = 0; i < wanted; i++) {
    const j = i + Math.floor(random() * (pool.length - i))
    const [a, b] = [pool[i], pool[j]]
    if (a === undefined || b === undefined) continue
    pool[i] = b
    pool[j] = a
  }
  return pool.slice(0, wanted)
}
