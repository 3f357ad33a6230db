import { LRUCache } from 'lru-cache'

interface Look<T> {
  readonly beganMs: number
  isOver: boolean
  readonly told: Promise<T>
}

/** Names that were looked at and are remembered. */
const maxNames = 200

/**
 * Looks at what has a name once for all who ask within `everyMs`: who asks while it is being looked is told the same, and so is who asks
 * soon after.
 */
export function shareLooks<T>(
  look: (name: string) => Promise<T>,
  { everyMs }: { readonly everyMs: number },
): (name: string) => Promise<T> {
  const looks = new LRUCache<string, Look<T>>({ max: maxNames })
  return name => {
    const last = looks.get(name)
    const nowMs = performance.now()
    if (last !== undefined && (!last.isOver || nowMs - last.beganMs < everyMs)) return last.told
    const begun: Look<T> = { beganMs: nowMs, isOver: false, told: look(name) }
    looks.set(name, begun)
    const end = (): void => {
      begun.isOver = true
    }
    begun.told.then(end, end)
    return begun.told
  }
}
