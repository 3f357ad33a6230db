import { setTimeout as wait } from 'node:timers/promises'
import { type ContainerdApi, type Deadlines, openApi } from './api.ts'
import type { Envelope, Image, Info, Methods } from './definitions.ts'
import { ContainerdFailure } from './failure.ts'
import { probeSocket, socketIdentity } from './socket.ts'

/** Everything containerd holds at one moment; the content that the images name is in it. */
export interface Listing {
  readonly images: readonly Image[]
  readonly contents: readonly Info[]
}

/** What is told while a connection lasts. */
export interface SessionListener {
  /** It answers; not all is known yet. */
  opened(api: ContainerdApi, facts: { version: string; contentRoot: string | undefined }): void
  /** After every change and from time to time. The first one comes when no later change can be missed. */
  listed(listing: Listing): void
}

export interface SessionOptions extends Deadlines {
  readonly socket: string
  readonly namespace: string
  /** How often it is asked whether it still answers, ms. */
  readonly checkEveryMs: number
  /** How often everything is listed although nothing was heard, ms. */
  readonly listEveryMs: number
}

const ownTopic = '/holdfast/subscribed'
/** A pull makes a dozen events in a moment: they are waited for together, ms. */
const gatherMs = 50
/** What an image leaves behind is collected after its event, and nothing tells that, ms. */
const afterwardsMs = 700
/** How often it is tried whether events come, ms. */
const pingMs = 50
/** A list is not asked for again before so many times as long as it costs. */
const restShare = 10
/** It costs the least that one of so many in a row took: one that waited for a collection of containerd's, or for the disk, took longer. */
const judgedLists = 5

/** Connects, and follows what containerd holds until that fails or `signal` aborts; always rejects, with the reason. */
export async function runSession(
  methods: Methods,
  options: SessionOptions,
  listener: SessionListener,
  signal: AbortSignal,
): Promise<never> {
  const { socket, answerMs } = options
  await probeSocket(socket, answerMs)
  const identity = await socketIdentity(socket)
  signal.throwIfAborted()
  const api = openApi(methods, options, options)
  const over = new AbortController()
  const close = () => {
    over.abort()
    api.close()
  }
  signal.addEventListener('abort', close, { once: true })
  try {
    const version = await api.version()
    listener.opened(api, { version, contentRoot: await api.contentRoot() })
    const { schedule, ended } = await hearEvents(api, options)
    const parts = { schedule, identity, over: over.signal }
    for (;;) await Promise.race([ended, work(api, parts, options, listener)])
  } finally {
    signal.removeEventListener('abort', close)
    close()
  }
}

/** When to list next. */
interface Schedule {
  /** Settles when something is due. */
  due(withinMs: number): Promise<void>
  /** Whether to list now; then the next time is that of the rest. */
  take(): boolean
  listed(tookMs: number): void
}

/** One look at containerd, when it is time for it. */
async function work(
  api: ContainerdApi,
  parts: {
    readonly schedule: Schedule
    readonly identity: string | undefined
    readonly over: AbortSignal
  },
  { socket, checkEveryMs }: SessionOptions,
  listener: SessionListener,
): Promise<void> {
  const { schedule, identity, over } = parts
  await schedule.due(checkEveryMs)
  over.throwIfAborted()
  if (!schedule.take()) {
    await api.version()
    const now = await socketIdentity(socket)
    if (now !== undefined && now !== identity) {
      throw new ContainerdFailure('lost', `another socket came in the place of ${socket}`)
    }
    return
  }
  const beganMs = performance.now()
  const images = await api.images()
  const contents = await api.contents()
  schedule.listed(performance.now() - beganMs)
  over.throwIfAborted() // a late list of a lost connection says nothing
  listener.listed({ images, contents })
}

/** Subscribes, and waits until an event of our own comes back: from then on none is missed. `ended` rejects when no more will come. */
async function hearEvents(
  api: ContainerdApi,
  options: SessionOptions,
): Promise<{ readonly schedule: Schedule; readonly ended: Promise<never> }> {
  const schedule = createSchedule(options.listEveryMs)
  const heard = Promise.withResolvers<void>()
  const ended = Promise.withResolvers<never>()
  ended.promise.catch(() => {}) // told to whoever waits, which may be nobody yet
  const event = ({ topic, namespace }: Envelope) => {
    if (topic === ownTopic) heard.resolve()
    else if (namespace === options.namespace) schedule.poke()
  }
  const filters = ['topic~="^/images/"', 'topic~="^/content/"', `topic=="${ownTopic}"`]
  api.subscribe(filters, { event, ended: ended.reject })
  const isHeard = heard.promise.then(() => true)
  const untilMs = performance.now() + options.answerMs
  for (;;) {
    await api.publish(ownTopic)
    const pause = wait(pingMs, false, { ref: false })
    if (await Promise.race([ended.promise, isHeard, pause])) break
    if (performance.now() > untilMs) {
      throw new ContainerdFailure('failing', 'no event comes back from it')
    }
  }
  return { schedule, ended: ended.promise }
}

function createSchedule(listEveryMs: number): Schedule & { poke(): void } {
  /** When to list, soonest first; at once to begin with. */
  let dueMs: readonly number[] = [0]
  let restUntilMs = 0
  let tookMs: readonly number[] = []
  let bell = Promise.withResolvers<void>()
  const next = () => Math.max(dueMs[0] ?? Number.POSITIVE_INFINITY, restUntilMs)

  return {
    poke() {
      const nowMs = performance.now()
      const soon = dueMs.find(ms => ms > nowMs && ms <= nowMs + gatherMs) ?? nowMs + gatherMs
      dueMs = [soon, nowMs + afterwardsMs]
      bell.resolve()
    },
    async due(withinMs) {
      const untilMs = performance.now() + withinMs
      for (;;) {
        const leftMs = Math.min(next(), untilMs) - performance.now()
        if (leftMs <= 0) return
        bell = Promise.withResolvers()
        const sleep = new AbortController()
        const pause = wait(leftMs, undefined, { signal: sleep.signal, ref: false })
        await Promise.race([bell.promise, pause]).finally(() => sleep.abort())
      }
    },
    take() {
      const nowMs = performance.now()
      if (next() > nowMs) return false
      dueMs = dueMs.filter(ms => ms > nowMs)
      return true
    },
    listed(lastMs) {
      const nowMs = performance.now()
      tookMs = [...tookMs, lastMs].slice(-judgedLists)
      // The first one of a connection tells nothing: nothing is warm.
      restUntilMs = tookMs.length === 1 ? 0 : nowMs + restShare * Math.min(...tookMs)
      if (dueMs.length === 0) dueMs = [nowMs + listEveryMs]
    },
  }
}
