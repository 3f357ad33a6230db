import type { Repository } from '../../oci/reference.ts'
import type { ConfigEntry, ManifestEntry } from '../../ports/content-catalog.ts'
import type { ResolutionEntry } from '../../ports/resolution-log.ts'
import type { Connection } from './database.ts'

/** Lines the resolution log keeps. */
export const keptResolutions = 10_000

/** What came to be known of content since the last batch; `forgotten` was dropped before the rest came. */
export interface CatalogBatch {
  readonly forgotten: readonly string[]
  readonly manifests: readonly ManifestEntry[]
  readonly configs: readonly ConfigEntry[]
  readonly sightings: readonly (Repository & { readonly digest: string })[]
  readonly uses: readonly { readonly digest: string; readonly atMs: number }[]
}

/** A line of the resolution log with its place. */
export type ResolutionLine = ResolutionEntry & { readonly id: number }

/** Writes what is local and replaceable; call inside a transaction. */
export interface ContentWriter {
  writeCatalog(batch: CatalogBatch): void
  writeResolutions(lines: readonly ResolutionLine[]): void
  writeSetting(name: string, value: string): void
}

/** Prepares the statements of catalog, resolution log and settings. */
export function createContentWriter(db: Connection): ContentWriter {
  const forget = ['manifest', 'image_config', 'content_sighting', 'content_use'].map(table =>
    db.prepare(`DELETE FROM ${table} WHERE digest IN (SELECT value FROM json_each(?))`),
  )
  const addManifest = db.prepare(
    'INSERT OR REPLACE INTO manifest (digest, media_type, content) VALUES (?, ?, ?)',
  )
  const addConfig = db.prepare(
    'INSERT OR REPLACE INTO image_config (digest, platform) VALUES (?, ?)',
  )
  const addSighting = db.prepare(
    'INSERT OR IGNORE INTO content_sighting (digest, registry, repository) VALUES (?, ?, ?)',
  )
  const touch = db.prepare(
    `INSERT INTO content_use (digest, at_ms) VALUES (?, ?)
     ON CONFLICT (digest) DO UPDATE SET at_ms = max(at_ms, excluded.at_ms)`,
  )
  const putLine = db.prepare(
    `INSERT OR REPLACE INTO resolution (id, reference, first_ms, last_ms, count, digest, source, reason, said_by)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const countLines = db.prepare<[], number>('SELECT count(*) FROM resolution').pluck()
  const trimLines = db.prepare(
    `DELETE FROM resolution WHERE id IN
     (SELECT id FROM resolution ORDER BY last_ms DESC, id DESC LIMIT -1 OFFSET ${keptResolutions})`,
  )
  const putSetting = db.prepare('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)')

  return {
    writeCatalog({ forgotten, manifests, configs, sightings, uses }) {
      for (const statement of forget) statement.run(JSON.stringify(forgotten))
      for (const { digest, mediaType, content } of manifests) {
        addManifest.run(digest, mediaType, orNull(content))
      }
      for (const { digest, platform } of configs) addConfig.run(digest, orNull(platform))
      for (const s of sightings) addSighting.run(s.digest, s.registry, s.repository)
      for (const { digest, atMs } of uses) touch.run(digest, Math.round(atMs))
    },
    writeResolutions(lines) {
      for (const line of lines) {
        putLine.run(
          line.id,
          line.reference,
          Math.round(line.firstAtMs),
          Math.round(line.lastAtMs),
          line.count,
          line.digest ?? null,
          line.source,
          line.reason,
          line.saidBy ?? null,
        )
      }
      if ((countLines.get() ?? 0) > keptResolutions) trimLines.run()
    },
    writeSetting: (name, value) => void putSetting.run(name, value),
  }
}

/** As JSON. */
const orNull = (value: object | undefined): string | null =>
  value === undefined ? null : JSON.stringify(value)
