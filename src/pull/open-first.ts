import type { BlobSource } from '../ports/blob-source.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import type { BlobAnswer } from '../ports/upstream.ts'

/** A source that answered first. */
export interface OpenedSource {
  readonly source: BlobSource
  readonly answer: BlobAnswer
  /** Ends its connection, also where the body was never begun. */
  close(): void
}

interface Parts {
  readonly open: (
    source: BlobSource,
    signal: AbortSignal,
    onWorking: () => void,
  ) => Promise<BlobAnswer>
  /** A source that was asked failed, or was cut off for another. */
  readonly failed: (source: BlobSource, failure: UpstreamFailure) => void
  readonly signal: AbortSignal
}

/** Sources asked at the same time. */
const maxRacing = 3
/** How often it is looked anew how long a source is to be waited for, ms. */
const lookEveryMs = 200

/**
 * Opens the first source that sends something. One that is silent for longer than is usual for it is not waited for alone: the next
 * in order is raced against it, and who loses is cut off. `undefined` when all of them failed. Rejects when `signal` aborts.
 *
 * @param sources in the order in which they are asked; at least one
 */
export async function openFirst(
  sources: readonly BlobSource[],
  { open, failed, signal }: Parts,
): Promise<OpenedSource | undefined> {
  const queue = [...sources]
  const isRace = queue.length > 1
  const racing = new Map<BlobSource, Racer>()

  for (;;) {
    if (racing.size < maxRacing && isDue()) start(queue.shift())
    if (racing.size === 0) return undefined
    const news = await Promise.race([...racing.values()].map(racer => racer.next()))
    if (news.kind === 'opened') return win(news)
    if (news.kind === 'failed') lose(news)
  }

  function win({ source, opened }: Extract<News, { kind: 'opened' }>): OpenedSource {
    racing.delete(source)
    for (const loser of racing.values()) loser.cut()
    return opened
  }

  function lose({ source, error }: Extract<News, { kind: 'failed' }>): void {
    racing.delete(source)
    signal.throwIfAborted()
    if (!(error instanceof UpstreamFailure)) throw error
    failed(source, error)
  }

  /** Nobody is asked yet, or all who are take longer than is usual for them. */
  function isDue(): boolean {
    return [...racing.values()].every(racer => racer.isLate())
  }

  function start(source: BlobSource | undefined): void {
    if (source === undefined) return
    const mayBeLate = queue.length > 0
    racing.set(source, createRacer(source, { open, signal, mayBeLate, isRace }))
  }
}

type News =
  | { readonly kind: 'late' }
  | { readonly kind: 'failed'; readonly source: BlobSource; readonly error: unknown }
  | { readonly kind: 'opened'; readonly source: BlobSource; readonly opened: OpenedSource }

interface Racer {
  isLate(): boolean
  /** What it comes to next; never rejects. */
  next(): Promise<News>
  cut(): void
}

function createRacer(
  source: BlobSource,
  {
    open,
    signal,
    mayBeLate,
    isRace,
  }: Pick<Parts, 'open' | 'signal'> & {
    /** There is another to race it. */
    readonly mayBeLate: boolean
    readonly isRace: boolean
  },
): Racer {
  const connection = new AbortController()
  const close = () => connection.abort()
  const watch = watchFirstByte(mayBeLate ? source : {})
  const end = opened().then(
    (answer): News => ({ kind: 'opened', source, opened: { source, answer, close } }),
    (error): News => {
      close()
      return { kind: 'failed', source, error }
    },
  )
  const late = watch.late.then((): News => ({ kind: 'late' }))
  end.finally(watch.stop).catch(() => {})

  /** In a race it is the first byte that counts; alone, the head of the answer is news enough. */
  async function opened(): Promise<BlobAnswer> {
    const ends = AbortSignal.any([signal, connection.signal])
    const answer = await open(source, ends, watch.heard)
    return isRace ? withFirstChunk(answer) : answer
  }

  return {
    isLate: watch.isLate,
    next: () => (watch.isLate() ? end : Promise.race([end, late])),
    cut: close,
  }
}

/**
 * Tells when a source is late: silent for too long, or at work for too long. Its limits are asked for at each look, since they change while
 * it is waited for: a client may join, and the mesh may find the node to be gone.
 */
function watchFirstByte(limits: Pick<BlobSource, 'raceAfterMs' | 'raceWorkingAfterMs'>) {
  const { promise: late, resolve } = Promise.withResolvers<void>()
  const sinceMs = performance.now()
  let heardMs: number | undefined
  let isLate = false
  let isOver = false
  let timer: NodeJS.Timeout | undefined

  /** On the clock of `performance`; `undefined`: it is waited for alone. */
  function dueMs(): number | undefined {
    const { raceAfterMs: silentMs } = limits
    if (silentMs === undefined) return undefined
    if (heardMs === undefined) return sinceMs + silentMs
    return Math.min(heardMs + silentMs, sinceMs + (limits.raceWorkingAfterMs ?? silentMs))
  }

  function look(): void {
    const atMs = dueMs()
    if (isOver || atMs === undefined) return
    const leftMs = atMs - performance.now()
    // What came while this process stood still itself is read before it is judged.
    const next = () => setImmediate(judge)
    timer = setTimeout(next, Math.max(0, Math.min(leftMs, lookEveryMs))).unref()
  }

  function judge(): void {
    isLate = !isOver && performance.now() >= (dueMs() ?? Number.POSITIVE_INFINITY)
    if (isLate) resolve()
    else look()
  }

  look()
  return {
    late,
    isLate: () => isLate,
    /** It said that it is at work. */
    heard(): void {
      heardMs = performance.now()
    },
    stop(): void {
      isOver = true
      clearTimeout(timer)
    },
  }
}

async function withFirstChunk(answer: BlobAnswer): Promise<BlobAnswer> {
  const rest = answer.body[Symbol.asyncIterator]()
  const first = await rest.next()
  return { ...answer, body: resume(first, rest) }
}

async function* resume(
  first: IteratorResult<Uint8Array>,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    for (let chunk = first; chunk.done !== true; chunk = await rest.next()) yield chunk.value
  } finally {
    await rest.return?.()
  }
}
