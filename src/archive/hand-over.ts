import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import type { Platform } from '../oci/platform.ts'
import { formatRepository, formatTag } from '../oci/reference.ts'
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
  /** Ends what is under way. */
  close(): Promise<void>
}

export interface HandOverParts {
  readonly neighbour: Pick<NeighbourStore, 'take' | 'onImages'>
  readonly store: Pick<ContentStore, 'stat' | 'open'>
  readonly ledger: Pick<TagLedger, 'live' | 'pin'>
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
 * Puts images that were imported into a neighbour's store, so that a pod starts from them at once. While the neighbour is away they wait;
 * they are forgotten when the process ends, and can still be pulled.
 */
export function createHandOver(parts: HandOverParts): HandOver {
  const { neighbour, store, ledger, log } = parts
  const waiting = new Map<string, Root>()
  const closing = new AbortController()
  let cancel = () => {}
  let working: Promise<unknown> = Promise.resolve()
  let isTrying = false

  /** As it is to be known there; `undefined` when it is not whole here for what this node runs. */
  function describe({ name, digest, mediaType, size }: Root): HandedImage | undefined {
    const { platforms, manifest, treeOf } = parts
    const tree = platforms.flatMap(platform => treeOf(digest, [platform]) ?? [])
    if (name === undefined || tree.length === 0) return undefined
    const key = name.tag
    const answer = key && (ledger.pin(key) ?? ledger.live(key))
    // A bundle may be older than what is known: its tag is not moved back.
    const tag = answer?.digest === digest ? key?.tag : undefined
    const blobs = [...new Set(tree)].map(each => ({
      digest: each,
      size: store.stat(each)?.size ?? 0,
      content: manifest(each)?.content,
    }))
    return { digest, mediaType, size, repository: name.repository, tag, blobs }
  }

  async function tryOne(root: Root, signal: AbortSignal): Promise<unknown> {
    const image = describe(root)
    if (image === undefined) return undefined
    try {
      await neighbour.take(image, store.open, AbortSignal.any([signal, closing.signal]))
      log.info({ ref: nameOf(root), digest: root.digest }, 'an image was put into containerd')
      return undefined
    } catch (err) {
      return err
    }
  }

  async function give(roots: readonly Root[], signal: AbortSignal): Promise<readonly string[]> {
    const warnings: string[] = []
    for (const root of roots) {
      const err = await tryOne(root, signal)
      if (err === undefined) {
        waiting.delete(nameOf(root))
        continue
      }
      waiting.set(nameOf(root), root)
      const why = err instanceof Error ? err.message : String(err)
      log.warn(
        { ref: nameOf(root), digest: root.digest, err },
        'an image was not put into containerd',
      )
      warnings.push(`${nameOf(root)} is not in containerd yet (${why}): it is tried again`)
    }
    return warnings
  }

  async function tryAgain(): Promise<void> {
    for (const [name, root] of [...waiting]) {
      if (closing.signal.aborted) return
      const err = await tryOne(root, closing.signal)
      // Another may have taken its place.
      if (err === undefined && waiting.get(name) === root) waiting.delete(name)
    }
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

  return {
    give: (roots, signal) => inTurn(() => give(roots, signal)).finally(schedule),
    async close() {
      closing.abort()
      stop()
      cancel()
      await working
    },
  }
}

const nameOf = ({ name, digest }: Root): string =>
  name?.tag === undefined
    ? `${name === undefined ? '' : formatRepository(name.repository)}@${digest}`
    : formatTag(name.tag)
