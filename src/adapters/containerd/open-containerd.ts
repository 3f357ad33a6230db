import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { type Digest, parseDigest } from '../../oci/digest.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { FoundImage, NeighbourState, NeighbourStore } from '../../ports/neighbour-store.ts'
import type { ContainerdApi } from './api.ts'
import { type HashFile, inDirectory, type OpenListed } from './blob-access.ts'
import { findContentDir } from './content-dir.ts'
import { type Image, loadContainerdMethods } from './definitions.ts'
import { ContainerdFailure, failureOf } from './failure.ts'
import type { BeginHash } from './hash-fetched.ts'
import { createHoldings } from './holdings.ts'
import { overGrpc } from './over-grpc.ts'
import { createProtection } from './protection.ts'
import { readHoldings } from './read-holdings.ts'
import { runSession, type SessionListener, type SessionOptions } from './session.ts'
import { takeImage } from './take-image.ts'

export interface ContainerdOptions extends Partial<Omit<SessionOptions, 'socket' | 'namespace'>> {
  /** Path of containerd's socket. */
  readonly socket: string
  /** The namespace that holds the images. */
  readonly namespace: string
  /** Its content directory as seen from here; asked of containerd when absent. */
  readonly contentDir?: string | undefined
  /** The longest time between two attempts to connect, ms. */
  readonly longestBackOffMs?: number
}

const defaults = { answerMs: 5_000, listMs: 10_000, checkEveryMs: 5_000, listEveryMs: 30_000 }
const firstBackOffMs = 100

/**
 * Follows a containerd that may come, go, hang and be replaced, and reads what it holds. Settled at once: what it holds becomes known when
 * it answers. Loads gRPC: only who looks into containerd should import this.
 */
export function openContainerd(
  parts: {
    /** Both hash off the main thread. */
    readonly hashFile: HashFile
    readonly beginHash: BeginHash
    readonly clock: Pick<Clock, 'wallMs'>
    readonly log: Log
    /** In [0, 1). */
    readonly random?: () => number
  },
  given: ContainerdOptions,
): NeighbourStore {
  const { clock, log, random = Math.random } = parts
  const options = { ...defaults, ...given }
  const { longestBackOffMs = 3_000 } = options
  const methods = loadContainerdMethods()
  const holdings = createHoldings(log)
  const listeners = new Set<(images: readonly FoundImage[]) => void>()
  const closing = new AbortController()
  const isClosing = once(closing.signal, 'abort').then(() => false)
  let api: ContainerdApi | undefined
  let contentRoot: string | undefined
  let contentDir: string | undefined
  let reads: 'directory' | 'grpc' | undefined
  let version: string | undefined
  let images: readonly FoundImage[] = []
  const held = (digest: Digest) => holdings.get(digest) !== undefined
  const protection = createProtection({ api: () => api, held, log })
  let now: { state: NeighbourState; sinceMs: number; failure: string | undefined } = {
    state: 'connecting',
    sinceMs: clock.wallMs(),
    failure: undefined,
  }

  function turn(state: NeighbourState, failure?: string): void {
    if (now.state === state && now.failure === failure) return
    const isNews = now.state !== state
    now = { state, failure, sinceMs: isNews ? clock.wallMs() : now.sinceMs }
    if (!isNews) return
    const fields = { socket: options.socket, state, failure, version }
    if (state === 'connected') log.info({ ...fields, reads }, 'containerd is connected')
    else log.warn(fields, 'containerd cannot be used; it is tried again until it can')
  }

  /** There is no directory of blobs before the first one. */
  function lookForFiles(): void {
    contentDir ??= findContentDir(contentRoot)
    reads = contentDir === undefined ? 'grpc' : 'directory'
  }

  const listener: SessionListener = {
    opened(opened, facts) {
      api = opened
      version = facts.version
      contentRoot = options.contentDir ?? facts.contentRoot
      contentDir = undefined
      lookForFiles()
    },
    listed(listing) {
      lookForFiles()
      holdings.replace(listing.contents)
      images = listing.images.flatMap(readImage)
      turn('connected')
      for (const hear of listeners) hear(images)
      protection.listed(listing.images)
    },
  }

  /** Settles when a connection was lost or not had; whether it had come to anything. */
  async function connectOnce(): Promise<boolean> {
    try {
      return await Promise.race([runSession(methods, options, listener, closing.signal), isClosing])
    } catch (error) {
      api = undefined
      if (closing.signal.aborted) return false
      const { state, message } = failureOf(error)
      const hadCome = now.state === 'connected'
      turn(state, message)
      // From its directory it is read on: containerd is often away for a moment, and its files are not.
      if (contentDir === undefined) holdings.clear()
      return hadCome
    }
  }

  async function follow(): Promise<void> {
    for (let failures = 0; !closing.signal.aborted; failures += 1) {
      if (await connectOnce()) failures = 0
      const longestMs = Math.min(longestBackOffMs, firstBackOffMs * 2 ** Math.min(failures, 16))
      const pauseMs = longestMs * (0.5 + random() / 2)
      await wait(pauseMs, undefined, { signal: closing.signal, ref: false }).catch(() => {})
    }
  }

  const inFiles = (dir: string) => inDirectory(dir, parts.hashFile)
  const openByGrpc = overGrpc(() => api, parts.beginHash)
  const openListed: OpenListed = async info => {
    const file = contentDir === undefined ? undefined : await inFiles(contentDir)(info)
    return file ?? openByGrpc(info)
  }
  const following = follow()

  return {
    ...readHoldings(holdings, openListed),
    status: () => ({
      socket: options.socket,
      ...now,
      version,
      reads,
      blobs: holdings.count,
      blobBytes: holdings.bytes,
      images: images.length,
    }),
    onImages(listener) {
      listeners.add(listener)
      if (now.state === 'connected') listener(images)
      return () => listeners.delete(listener)
    },
    protect: protection.want,
    async take(image, open, signal) {
      if (api === undefined) {
        const { state, failure } = now
        throw new ContainerdFailure(
          'lost',
          `containerd is ${state}${failure ? `: ${failure}` : ''}`,
        )
      }
      await takeImage(api, image, { open, signal, nowMs: clock.wallMs() })
    },
    async close() {
      closing.abort()
      await following
    },
  }
}

function readImage({ name, target }: Image): FoundImage[] {
  const digest = target === null ? undefined : parseDigest(target.digest)
  if (target === null || digest === undefined) return []
  return [{ name, digest, mediaType: target.mediaType, size: target.size }]
}
