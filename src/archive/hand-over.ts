import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Platform } from '../oci/platform.ts'
import { type AwaitedImage, type AwaitedImages, awaitedName } from '../ports/awaited-images.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Log } from '../ports/log.ts'
import type { HandedImage, NeighbourStore } from '../ports/neighbour-store.ts'
import type { TagLedger } from '../ports/tag-ledger.ts'
import type { Timers } from '../ports/timers.ts'
import type { TreeOf } from './image-trees.ts'
import type { Root } from './read-layout.ts'

/** Images on their way into the containerd of this node. */
export interface HandOver {
  /** Hands over what was imported, and returns what whoever brought it should know. Never rejects: what fails is tried again. */
  give(roots: readonly Root[], signal: AbortSignal): Promise<readonly string[]>
  /** Ends what is under way; it is tried again after the next start. */
  close(): Promise<void>
}

export interface HandOverParts {
  readonly neighbour: Pick<NeighbourStore, 'take' | 'onImages' | 'status'>
  readonly store: Pick<ContentStore, 'stat' | 'open'>
  readonly ledger: Pick<TagLedger, 'live' | 'pin'>
  readonly awaited: AwaitedImages
  readonly treeOf: TreeOf
  readonly manifest: (digest: Digest) => { readonly content: Manifest } | undefined
  /** What this node's clients run. */
  readonly platforms: readonly Platform[]
  readonly timers: Timers
  readonly log: Log
}

/** What could not be handed over is tried again so often, and whenever something happens there, ms. */
const retryMs = 5_000

/**
 * What became of an image. `gone`: not all of it is here, or nothing of it is for this node. `unknown`: the same, but what the neighbour
 * holds of it is not known.
 */
type Outcome = 'taken' | 'gone' | 'unknown' | { readonly err: unknown }

/**
 * Puts images that were imported into a neighbour's store, so that a pod starts from them at once. While the neighbour is away they wait,
 * also across restarts; meanwhile they can be pulled.
 */
export function createHandOver(parts: HandOverParts): HandOver {
  const { neighbour, store, ledger, awaited, log } = parts
  const waiting = new Map(awaited.load().map(image => [awaitedName(image), image]))
  const closing = new AbortController()
  let cancel = () => {}
  let working: Promise<unknown> = Promise.resolve()
  let isTrying = false

  /** As it is to be known there; `undefined` when it is not whole here for what this node runs. */
  function describe(image: AwaitedImage): HandedImage | undefined {
    const { platforms, manifest, treeOf } = parts
    const { repository, digest } = image
    const tree = platforms.flatMap(platform => treeOf(digest, [platform]) ?? [])
    if (tree.length === 0) return undefined
    const key = image.tag === undefined ? undefined : { ...repository, tag: image.tag }
    const answer = key && (ledger.pin(key) ?? ledger.live(key))
    // A bundle may be older than what is known: its tag is not moved back.
    const tag = answer?.digest === digest ? key?.tag : undefined
    const blobs = [...new Set(tree)].map(each => ({
      digest: each,
      size: store.stat(each)?.size ?? 0,
      content: manifest(each)?.content,
    }))
    return { ...image, tag, blobs }
  }

  async function tryOne(image: AwaitedImage, signal: AbortSignal): Promise<Outcome> {
    const handed = describe(image)
    if (handed === undefined) return neighbour.status().state === 'connected' ? 'gone' : 'unknown'
    try {
      await neighbour.take(handed, store.open, AbortSignal.any([signal, closing.signal]))
    } catch (err) {
      return { err }
    }
    log.info({ ref: awaitedName(image), digest: image.digest }, 'an image was put into containerd')
    return 'taken'
  }

  /** First of all they are remembered: whatever ends the process, what is imported is handed over. */
  async function give(
    images: readonly AwaitedImage[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    await awaited.remember(images).catch(tellNotKept)
    for (const image of images) waiting.set(awaitedName(image), image)
    const warnings: string[] = []
    for (const image of images) {
      const outcome = await tryOne(image, signal)
      if (outcome === 'taken' || outcome === 'gone') await forget(image)
      else if (outcome !== 'unknown') warnings.push(tellFailure(image, outcome.err))
    }
    return warnings
  }

  function tellFailure(image: AwaitedImage, err: unknown): string {
    const ref = awaitedName(image)
    log.warn({ ref, digest: image.digest, err }, 'an image was not put into containerd')
    const why = err instanceof Error ? err.message : String(err)
    return `${ref} is not in containerd yet (${why}): it is tried again`
  }

  async function tryAgain(): Promise<void> {
    for (const image of [...waiting.values()]) {
      if (closing.signal.aborted) return
      const outcome = await tryOne(image, closing.signal)
      if (outcome === 'gone') {
        const fields = { ref: awaitedName(image), digest: image.digest }
        log.warn(fields, 'an image that waited for containerd is not here any more')
      }
      if (outcome === 'taken' || outcome === 'gone') await forget(image)
    }
  }

  async function forget(image: AwaitedImage): Promise<void> {
    waiting.delete(awaitedName(image))
    await awaited.forget([image]).catch(tellNotKept)
  }

  function tellNotKept(err: unknown): void {
    log.warn({ err }, 'which images wait for containerd is not kept across a restart')
  }

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = working.then(work)
    working = mine.catch(() => {})
    return mine
  }

  function lookAgain(): void {
    cancel()
    if (isTrying || waiting.size === 0 || closing.signal.aborted) return
    isTrying = true
    inTurn(tryAgain)
      .catch(err => log.error({ err }, 'images were not put into containerd'))
      .finally(() => {
        isTrying = false
        schedule()
      })
  }

  /** It may answer again without a word. */
  function schedule(): void {
    cancel()
    if (waiting.size > 0 && !closing.signal.aborted) cancel = parts.timers.after(retryMs, lookAgain)
  }

  const stop = neighbour.onImages(lookAgain)
  schedule()

  return {
    give: (roots, signal) => inTurn(() => give(roots.flatMap(asAwaited), signal)).finally(schedule),
    async close() {
      closing.abort()
      stop()
      cancel()
      await working
    },
  }
}

/** What has no name is to be had by nobody. */
function asAwaited({ digest, mediaType, size, name }: Root): AwaitedImage[] {
  if (name === undefined) return []
  return [{ digest, mediaType, size, repository: name.repository, tag: name.tag?.tag }]
}
