import { createHash } from 'node:crypto'
import { finished, Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { JobView } from '../../keep/warm-views.ts'
import { describeJob } from './describe-job.ts'
import { createReaderPlaces } from './reader-places.ts'
import { shareLooks } from './shared-looks.ts'

/** How often it is looked how the job is, ms. */
const everyMs = 1_000
/** Something is sent at least this often, ms, so that whoever stands in between does not take the connection for idle. */
const heartbeatMs = 15_000
/** What is behind what a reader has is kept from him for so long, ms: the node he is at now hears of it from others meanwhile. */
const catchUpMs = 30_000

/** Who follows a job. */
export interface JobReader {
  readonly caller: string
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** Whether he would be let in now: a token may be taken from him meanwhile. */
  readonly isLetIn: () => boolean
  readonly mediaType: string
}

/**
 * Sends how a job is whenever that changed, until it is over, as server-sent events: `progress` as often as need be, then one `end`. Each
 * tells all there is to tell, so nothing is lost by missing some: who names the last one that he has is sent only what is another, and,
 * wherever he had it from, nothing that is behind it. However many follow a job, it is looked at once for all. Throws `ProblemError` where
 * too many do.
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * @param look how a job is now; `undefined` once it is no longer listed
 */
export function createSendEvents(
  look: (id: string) => Promise<JobView | undefined>,
): (id: string, reader: JobReader) => FastifyReply {
  const places = createReaderPlaces()
  const shared = shareLooks(
    async id => {
      const view = await look(id)
      return view && eventOf(view)
    },
    // A timer may be early by a little.
    { everyMs: everyMs * 0.9 },
  )
  return (id, { caller, request, reply, isLetIn, mediaType }) => {
    const left = new AbortController()
    const leave = places.take(caller, reply)
    finished(reply.raw, () => {
      left.abort()
      leave()
    })
    const last = request.headers['last-event-id']
    const lastId = typeof last === 'string' ? last : undefined
    const events = jobEvents(() => shared(id), { lastId, isLetIn, signal: left.signal })
    return reply
      .headers({ 'cache-control': 'no-store' })
      .type(mediaType)
      .send(Readable.from(events, { objectMode: false }))
  }
}

async function* jobEvents(
  look: () => Promise<JobEvent | undefined>,
  {
    lastId,
    isLetIn,
    signal,
  }: {
    readonly lastId: string | undefined
    readonly isLetIn: () => boolean
    readonly signal: AbortSignal
  },
): AsyncGenerator<string> {
  const isNews = newsFor(lastId)
  let quietMs = 0
  for (let passedMs = 0; !signal.aborted; passedMs += everyMs) {
    const event = await look().catch(() => undefined)
    if (event === undefined || !isLetIn()) return
    const isTold = isNews(event, passedMs)
    if (isTold) yield event.text
    if (event.isOver) return
    quietMs = isTold ? 0 : quietMs + everyMs
    if (quietMs >= heartbeatMs) {
      quietMs = 0
      yield ': still at it\n\n'
    }
    await pause(everyMs, undefined, { signal }).catch(() => {})
  }
}

/** Tells what is to be sent to a reader who had an event before; the end always is. */
function newsFor(lastId: string | undefined): (event: JobEvent, passedMs: number) => boolean {
  const had = readId(lastId)
  let sent = lastId
  return ({ id, counts, isOver }, passedMs) => {
    if (isOver) return true
    const isHeldBack = passedMs < catchUpMs && isBehind(counts, had)
    if (id === sent || isHeldBack) return false
    sent = id
    return true
  }
}

/** What of a job never becomes less, after the time that it was made, ms: images that are there, bytes, bytes in all. */
type Counts = readonly number[]

interface JobEvent {
  readonly id: string
  readonly counts: Counts
  readonly isOver: boolean
  readonly text: string
}

function eventOf(view: JobView): JobEvent {
  const data = JSON.stringify(describeJob(view))
  const counts = [view.job.createdAtMs, view.done, view.bytes, view.totalBytes]
  const hash = createHash('sha256').update(data).digest('hex').slice(0, 16)
  const id = [...counts, hash].join('-')
  const isOver = view.state !== 'running' && view.state !== 'waiting'
  const name = isOver ? 'end' : 'progress'
  return { id, counts, isOver, text: `event: ${name}\nid: ${id}\ndata: ${data}\n\n` }
}

/** The counts in an event's id; `undefined` when it is none of ours. */
function readId(id: string | undefined): Counts | undefined {
  const [, counts] = /^(\d{1,15}(?:-\d{1,15}){3})-[0-9a-f]{16}$/.exec(id ?? '') ?? []
  return counts?.split('-').map(Number)
}

/** Whether less is known of the same job than its reader knows. */
function isBehind([madeAtMs, ...counts]: Counts, had: Counts | undefined): boolean {
  const [hadMadeAtMs, ...most] = had ?? []
  return madeAtMs === hadMadeAtMs && counts.some((count, i) => count < (most[i] ?? 0))
}
