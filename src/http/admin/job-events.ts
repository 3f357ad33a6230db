import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { JobView } from '../../keep/warm-views.ts'
import { describeJob } from './describe-job.ts'

/** How often it is looked how the job is, ms. */
const everyMs = 1_000
/** Something is sent at least this often, ms, so that whoever stands in between does not take the connection for idle. */
const heartbeatMs = 15_000

/**
 * Sends how a job is whenever that changed, until it is over, as server-sent events: `progress` as often as need be, then one `end`. Each
 * tells all there is to tell, so nothing is lost by missing some: who names the last one that he has is sent only what is another.
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @param look how it is now; `undefined` once it is no longer listed
 */
export function sendEvents(
  look: (signal: AbortSignal) => Promise<JobView | undefined>,
  {
    request,
    reply,
    mediaType,
  }: {
    readonly request: FastifyRequest
    readonly reply: FastifyReply
    readonly mediaType: string
  },
): FastifyReply {
  const left = new AbortController()
  reply.raw.once('close', () => left.abort())
  const last = request.headers['last-event-id']
  const events = jobEvents(look, typeof last === 'string' ? last : undefined, left.signal)
  return reply
    .headers({ 'cache-control': 'no-store' })
    .type(mediaType)
    .send(Readable.from(events, { objectMode: false }))
}

async function* jobEvents(
  look: (signal: AbortSignal) => Promise<JobView | undefined>,
  lastId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let sent = lastId
  let quietMs = 0
  while (!signal.aborted) {
    const view = await look(signal).catch(() => undefined)
    if (view === undefined) return
    const event = eventOf(view)
    if (event.id !== sent || event.isOver) yield event.text
    if (event.isOver) return
    quietMs = event.id === sent ? quietMs + everyMs : 0
    sent = event.id
    if (quietMs >= heartbeatMs) {
      quietMs = 0
      yield ': still at it\n\n'
    }
    await pause(everyMs, undefined, { signal }).catch(() => {})
  }
}

function eventOf(view: JobView): {
  readonly id: string
  readonly isOver: boolean
  readonly text: string
} {
  const data = JSON.stringify(describeJob(view))
  const id = createHash('sha256').update(data).digest('hex').slice(0, 16)
  const isOver = view.state !== 'running' && view.state !== 'waiting'
  const name = isOver ? 'end' : 'progress'
  return { id, isOver, text: `event: ${name}\nid: ${id}\ndata: ${data}\n\n` }
}
