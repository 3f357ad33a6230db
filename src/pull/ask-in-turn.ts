import pTimeout from 'p-timeout'

/**
 * Asks one after the other: the next when the one before gave nothing, or is late. The first answer ends the others; `undefined` when
 * nobody has one.
 *
 * @param how.ask settles with `undefined` for nothing; does not reject. `how.lateAfterMs`: so long one is waited for alone, ms
 */
export async function askInTurn<Id, T>(
  ids: readonly Id[],
  how: {
    readonly ask: (id: Id, signal: AbortSignal) => Promise<T | undefined>
    readonly lateAfterMs: (id: Id) => number
  },
  signal: AbortSignal,
): Promise<T | undefined> {
  const over = new AbortController()
  const ends = AbortSignal.any([signal, over.signal])
  const { promise: first, resolve } = Promise.withResolvers<T>()
  const asked: Promise<T | undefined>[] = []
  try {
    for (const id of ids) {
      const asking = how.ask(id, ends)
      asking.then(got => got !== undefined && resolve(got)).catch(() => {})
      asked.push(asking)
      const got = await pTimeout(Promise.race([asking, first]), {
        milliseconds: how.lateAfterMs(id),
        fallback: () => undefined,
      })
      if (got !== undefined || signal.aborted) return got
    }
    const none = Promise.all(asked).then(all => all.find(got => got !== undefined))
    return await Promise.race([first, none])
  } finally {
    over.abort()
  }
}
