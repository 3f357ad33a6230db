import { OciError } from '../oci/errors.ts'
import { ArchiveRefusal } from '../ports/archive.ts'

/** Runs a reader of JSON; what breaks the specs' rules is the archive's fault. */
export function refusing<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof OciError)) throw error
    throw new ArchiveRefusal('manifest', `${file}: ${error.message}`, error)
  }
}
