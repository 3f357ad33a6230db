import { lookup } from 'node:dns/promises'

/** Addresses the operating system knows for a name; rejects as `dns.lookup` does. */
export type SystemLookup = (name: string) => Promise<readonly string[]>

const lookupWithSystem: SystemLookup = async name => {
  const found = await lookup(name, { all: true, order: 'verbatim' })
  return found.map(({ address }) => address)
}

/**
 * Lets one call of `dns.lookup` run at a time: four dead names would take all threads of libuv's pool for 20 s, and with them
 * file reads. A caller whose signal ends leaves the queue; a call once begun keeps its place until the system answers.
 */
export function createLookupQueue(look: SystemLookup) {
  let last: Promise<unknown> = Promise.resolve()

  return async function lookupInTurn(
    name: string,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const turn = last
    const { promise: done, resolve: leave } = Promise.withResolvers<void>()
    last = turn.then(() => done)
    await turn
    if (signal.aborted) {
      leave()
      throw signal.reason
    }
    try {
      return await look(name)
    } finally {
      leave()
    }
  }
}

/** The queue of this process. */
export const lookupInTurn: ReturnType<typeof createLookupQueue> =
  createLookupQueue(lookupWithSystem)
