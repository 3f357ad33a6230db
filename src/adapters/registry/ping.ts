import { discard, readRefusal } from './answer-body.ts'
import { classifyRefusal, hasChallenge, isPage, portal } from './classify.ts'
import { createExchange } from './exchange.ts'
import { questionUrl } from './question-url.ts'
import type { EndpointSettings } from './settings.ts'
import type { Transport } from './transport.ts'

/** Whether anybody who is a registry answers, asked without credentials. Resolves if so, whatever the answer; rejects otherwise. */
export type Ping = (endpoint: EndpointSettings, signal: AbortSignal) => Promise<void>

/** An older one than this, ms, tells nothing of now, and a newer one is not sent while it is under way. */
const pingMs = 5_000

/** Makes {@link Ping}: `GET /v2/` on a new connection. */
export function createPing(transport: Pick<Transport, 'request'>): Ping {
  const exchange = createExchange(transport)
  return async (endpoint, signal) => {
    const { answer } = await exchange(
      {
        endpoint,
        method: 'GET',
        url: questionUrl(endpoint, '', undefined),
        scope: '',
        signal: AbortSignal.any([signal, AbortSignal.timeout(pingMs)]),
        // Aside: on a slow link it comes too late to tell anything against the kept ones.
        freshConnection: 'aside',
        witness: { heard() {}, left() {} },
      },
      undefined,
    )
    if (answer.status === 200 || hasChallenge(answer.headers)) {
      discard(answer.body)
      if (isPage(answer.headers)) throw portal(answer, 'a page for people')
      return
    }
    const body = await readRefusal(answer)
    const failure = classifyRefusal({ ...answer, body }, 0)
    if (failure.reason === 'portal') throw failure
  }
}
