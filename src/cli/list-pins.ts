import type { AdminApi } from './admin-api.ts'
import { type PinsAnswer, pinsAnswer } from './operator-answers.ts'

/** Pins of one question. */
const pagePins = 1_000

/** Pins in the order of their tags, up to `limit`, as of when the first of them was read. Throws `CommandFailure`. */
export async function listPins(api: AdminApi, limit: number): Promise<Omit<PinsAnswer, 'next'>> {
  const items: PinsAnswer['items'] = []
  let first: PinsAnswer | undefined
  let after: string | undefined
  do {
    const page = Math.min(limit - items.length, pagePins)
    const answer = await api.get('/api/v1/pins', { after, limit: page }, pinsAnswer)
    first ??= answer
    items.push(...answer.items)
    after = answer.next ?? undefined
  } while (after !== undefined && items.length < limit)
  return { node: first.node, asOf: first.asOf, items }
}
