import type { DropOutcome } from '../archive/drop-folder.ts'
import type { ImportArchive } from '../archive/import-archive.ts'
import { ArchiveRefusal, type RefusalCode } from '../ports/archive.ts'
import { HoldfastError, type HoldfastErrorCode } from '../ports/errors.ts'

/** How an import went; a closed set. */
export type ImportOutcome = 'ok' | 'fault' | RefusalCode | HoldfastErrorCode

/** Counts what is imported. */
export interface ImportMeter {
  /** An archive, from the drop folder or by hand. `bytes` of content that was not here before. */
  imported(outcome: ImportOutcome, bytes: number): void
  /** A file of the drop folder, archive or list. */
  dropped(outcome: DropOutcome): void
}

/** Counts imports and how they end. */
export function measureImports(importArchive: ImportArchive, meter: ImportMeter): ImportArchive {
  return async (bytes, options) => {
    try {
      const report = await importArchive(bytes, options)
      meter.imported('ok', report.addedBytes)
      return report
    } catch (error) {
      const isTold = error instanceof ArchiveRefusal || error instanceof HoldfastError
      meter.imported(isTold ? error.code : 'fault', 0)
      throw error
    }
  }
}
