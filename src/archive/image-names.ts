import { OciError } from '../oci/errors.ts'
import type { Descriptor } from '../oci/manifest.ts'
import { isTag, parseReference, type Repository, type TagReference } from '../oci/reference.ts'
import { ArchiveRefusal } from '../ports/archive.ts'

/** What an archive calls an image. */
export interface ImageName {
  readonly repository: Repository
  /** Absent where it is named by its digest alone. */
  readonly tag: TagReference | undefined
}

/**
 * Reads a full name. Throws `ArchiveRefusal` `name` when it is none.
 */
export function readName(text: string): ImageName {
  try {
    const { registry, repository, tag } = parseReference(text)
    const at = { registry, repository }
    return { repository: at, tag: tag === undefined ? undefined : { ...at, tag } }
  } catch (error) {
    if (!(error instanceof OciError)) throw error
    throw new ArchiveRefusal('name', error.message, error)
  }
}

/** containerd and BuildKit write the full name here; it goes before the other, as with containerd. */
const fullName = 'io.containerd.image.name'
/** A full name or a tag alone. Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md */
const refName = 'org.opencontainers.image.ref.name'

/**
 * The name of an entry of `index.json`; `undefined` when it has none, or a tag alone and nobody says of which repository.
 *
 * @param within the repository that a tag alone is of
 */
export function nameOf(
  { annotations }: Descriptor,
  within: Repository | undefined,
): ImageName | undefined {
  const text = annotations?.[fullName] ?? annotations?.[refName]
  if (text === undefined || text === '') return undefined
  if (/[/:@]/.test(text)) return readName(text)
  if (!isTag(text))
    throw new ArchiveRefusal('name', `${JSON.stringify(text.slice(0, 100))} is no tag`)
  return within && { repository: within, tag: { ...within, tag: text } }
}
