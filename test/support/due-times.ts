/** Things that fall due one after the other; those of the same moment in the order in which they came. */
export interface DueTimes<T> {
  readonly size: number
  add(atMs: number, thing: T): void
  /** When the next falls due; `undefined` when there is none. */
  nextMs(): number | undefined
  take(): T | undefined
}

/** Fast for many things at few different moments. */
export function createDueTimes<T>(): DueTimes<T> {
  const moments: number[] = []
  const things = new Map<number, { readonly list: T[]; taken: number }>()
  let size = 0
  return {
    get size() {
      return size
    },
    add(atMs, thing) {
      size += 1
      const there = things.get(atMs)
      if (there !== undefined) {
        there.list.push(thing)
        return
      }
      things.set(atMs, { list: [thing], taken: 0 })
      moments.splice(moments.findLastIndex(one => one < atMs) + 1, 0, atMs)
    },
    nextMs: () => moments[0],
    take() {
      const [first] = moments
      const bucket = first === undefined ? undefined : things.get(first)
      if (first === undefined || bucket === undefined) return undefined
      const thing = bucket.list[bucket.taken]
      bucket.taken += 1
      size -= 1
      if (bucket.taken === bucket.list.length) {
        things.delete(first)
        moments.shift()
      }
      return thing
    },
  }
}
