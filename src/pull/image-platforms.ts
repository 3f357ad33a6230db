import type { Digest } from '../oci/digest.ts'
import { readConfigPlatform } from '../oci/image-config.ts'
import { type Manifest, maxManifestBytes } from '../oci/manifest.ts'
import { isImageConfigType } from '../oci/media-type.ts'
import type { Platform } from '../oci/platform.ts'
import type { ConfigEntry, ContentCatalog } from '../ports/content-catalog.ts'
import type { ContentStore } from '../ports/content-store.ts'
import type { Log } from '../ports/log.ts'
import type { Timers } from '../ports/timers.ts'
import type { ContentGraph } from './content-graph.ts'

/** What images run on by their own word. */
export interface ImagePlatforms {
  /**
   * The platform that the config of an image manifest names. `undefined`: it names none (artifacts, attestations), it is an index, or its
   * config was not read yet.
   */
  of(image: Digest): Platform | undefined
  /** Learns what a config says from its bytes, which were verified. */
  learn(config: Digest, bytes: Uint8Array): void
  /** Settles when the configs that came so far are read; never rejects. */
  settled(): Promise<void>
  /** All that is held is known: what comes from now on is read at once, and what the catalog lacks of the rest a little later. */
  begin(): void
  /** Waits for what is being read. */
  close(): Promise<void>
}

/** The start comes first; then configs are read that came with an earlier version, ms. */
const backlogAfterMs = 10_000

/**
 * Reads the config of every image once it is held beside its manifest, and keeps what it says in the catalog.
 *
 * @param known what the catalog kept
 */
export function createImagePlatforms(
  {
    graph,
    store,
    catalog,
    timers,
    log,
  }: {
    readonly graph: Pick<ContentGraph, 'manifest' | 'onManifest' | 'parents'>
    readonly store: Pick<ContentStore, 'stat' | 'get' | 'onChange'>
    readonly catalog: Pick<ContentCatalog, 'addConfig'>
    readonly timers: Timers
    readonly log: Log
  },
  known: readonly ConfigEntry[],
): ImagePlatforms {
  const platforms = new Map(known.map(({ digest, platform }) => [digest, platform]))
  const backlog = new Set<Digest>()
  let hasBegun = false
  let isClosed = false
  let reading = Promise.resolve()
  let cancelBacklog = () => {}

  const stopGraph = graph.onManifest({
    learned({ content }) {
      const config = configOf(content)
      if (config !== undefined && store.stat(config) !== undefined) want(config)
    },
    forgotten() {},
  })
  const stopStore = store.onChange(({ kind, digest }) => {
    if (kind === 'removed') platforms.delete(digest)
    else if (isConfig(digest)) want(digest)
  })

  function isConfig(digest: Digest): boolean {
    for (const parent of graph.parents(digest)) {
      if (configOf(graph.manifest(parent)?.content) === digest) return true
    }
    return false
  }

  function want(config: Digest): void {
    if (platforms.has(config)) return
    if (!hasBegun) backlog.add(config)
    else reading = reading.then(() => read(config))
  }

  async function read(config: Digest): Promise<void> {
    if (isClosed || platforms.has(config)) return
    try {
      const bytes = await store.get(config, maxManifestBytes)
      if (bytes !== undefined) learn(config, bytes)
    } catch (err) {
      log.debug({ digest: config, err }, 'the config of an image was not read')
    }
  }

  /** Other reads have their turn in between. */
  async function readBacklog(): Promise<void> {
    for (const config of backlog) {
      const next = reading.then(() => read(config))
      reading = next
      await next
    }
    backlog.clear()
  }

  function learn(config: Digest, bytes: Uint8Array): void {
    if (platforms.has(config)) return
    const platform = readConfigPlatform(bytes)
    platforms.set(config, platform)
    catalog.addConfig({ digest: config, platform })
  }

  return {
    of(image) {
      const config = configOf(graph.manifest(image)?.content)
      return config && platforms.get(config)
    },
    learn,
    settled: () => reading,
    begin() {
      hasBegun = true
      if (backlog.size > 0) cancelBacklog = timers.after(backlogAfterMs, () => void readBacklog())
    },
    async close() {
      isClosed = true
      cancelBacklog()
      stopGraph()
      stopStore()
      await reading
    },
  }
}

/** The config of what may be run; that of an artifact says nothing of a platform. */
function configOf(content: Manifest | undefined): Digest | undefined {
  if (content?.kind !== 'image' || !isImageConfigType(content.config.mediaType)) return undefined
  return content.config.digest
}
