import { join } from 'node:path'
import type { OpenedLedger } from '../adapters/sqlite/open.ts'
import { createExportImages, type ExportImages } from '../archive/export-images.ts'
import { createHandOver } from '../archive/hand-over.ts'
import { createTreeOf } from '../archive/image-trees.ts'
import { createImportArchive, type ImportArchive } from '../archive/import-archive.ts'
import type { Config } from '../config/config.ts'
import type { OpenArchive } from '../ports/archive.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { NeighbourStore } from '../ports/neighbour-store.ts'
import { systemTimers } from '../ports/timers.ts'
import { measureImports } from '../telemetry/measured-imports.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { Content } from './content.ts'
import type { Pull } from './resolution.ts'
import type { Upstreams } from './upstreams.ts'

/** A file that has not changed for 2 s is complete; a stick that nobody hears of is looked at every 30 s. */
const watching = { settleMs: 2_000, lookMs: 30_000, retryMs: 60_000 } as const

/** Loaded with the first archive: most nodes never see one. */
const openArchive: OpenArchive = async function* (bytes) {
  const { openTar } = await import('../adapters/tar/read-tar.ts')
  yield* openTar(bytes)
}

/** Images carried by hand. */
export interface Archive {
  readonly importArchive: ImportArchive
  readonly exportImages: ExportImages
}

/** Wires what is carried by hand, and begins to watch the drop folder where there is one. */
export async function wireArchive(
  config: Config,
  parts: {
    readonly database: OpenedLedger
    readonly content: Content
    /** Absent: nobody looks into containerd. */
    readonly neighbour: NeighbourStore | undefined
    readonly upstreams: Pick<Upstreams, 'upstream'>
    readonly pull: Pick<Pull, 'pullImage'>
    readonly metrics: Metrics
    readonly clock: Clock
    readonly log: Log
  },
  owned: AsyncDisposableStack,
): Promise<Archive> {
  const { database, content, metrics, clock, log } = parts
  const { store, graph, imagePlatforms, startable } = content
  const handOver =
    parts.neighbour === undefined
      ? undefined
      : createHandOver({
          neighbour: parts.neighbour,
          store,
          ledger: database.ledger,
          awaited: database.awaited,
          treeOf: createTreeOf({
            manifest: graph.manifest,
            isHeld: digest => store.stat(digest) !== undefined,
          }),
          manifest: graph.manifest,
          platforms: config.platforms,
          timers: systemTimers,
          log,
        })
  if (handOver !== undefined) owned.defer(() => handOver.close())
  const importArchive = measureImports(
    createImportArchive({
      openArchive,
      store,
      held: content.protection.importing,
      ledger: database.ledger,
      applyRecords: database.records.apply,
      learn: graph.learn,
      addSighting: graph.addSighting,
      isWanted: digest => graph.seenIn(digest).length > 0 || graph.parents(digest).size > 0,
      learnConfig: imagePlatforms.learn,
      isComplete: digest => startable.isComplete(digest),
      isServed: parts.upstreams.upstream.isConfigured,
      handOver: handOver?.give,
    }),
    metrics.imports,
  )
  const exportImages = createExportImages({
    store,
    ledger: database.ledger,
    manifest: graph.manifest,
    describe: graph.describe,
    referrers: graph.referrers,
    signedWords: database.replication.signedWords,
    removedPins: database.replication.removedPins,
    protect: content.protection.answered,
    pack: async function* (files) {
      const { packTar } = await import('../adapters/tar/write-tar.ts')
      yield* packTar(files)
    },
  })
  const { path } = config.dropFolder
  if (path === undefined) return { importArchive, exportImages }
  const errorDir = join(config.dataDir, 'drop-errors')
  const { openDropFolder } = await import('../adapters/drop-folder/open-drop-folder.ts')
  const { watchDropFolder } = await import('../archive/drop-folder.ts')
  const files = await openDropFolder({ path, errorDir, log })
  const { pullImage } = parts.pull
  const folder = watchDropFolder(
    {
      files,
      memory: database.dropped,
      importArchive,
      pullImage,
      clock,
      timers: systemTimers,
      log,
      onDone: metrics.imports.dropped,
    },
    watching,
  )
  owned.defer(() => folder.close())
  return { importArchive, exportImages }
}
