import type { AdminApi } from './admin-api.ts'
import { type PinsAnswer, pinsAnswer } from './operator-answers.ts'

/** Pins of one question. */
const pagePins = 1_000

/** Pins in the order of their tags, up to `limit`. Throws `CommandFailure`. */
export async function listPins(api: AdminApi, limit: number): Promise<PinsAnswer['items']> {
  const items: PinsAnswer['items'] = []
  let after: string | undefined
  do {
    const page = Math.min(limit - items.length, pagePins)
    const answer = await api.get('/api/v1/pins', { after, limit: page }, pinsAnswer)
    items.push(...answer.items)
    after = answer.next ?? undefined
  } while (after !== undefined && items.length < limit)
  return items
}
