import type { Digest } from '../oci/digest.ts'
import { parseJson } from '../oci/json.ts'
import { asObject, optionalString } from '../oci/json-field.ts'
import { parseManifest } from '../oci/manifest.ts'
import { isManifestType } from '../oci/media-type.ts'
import type { Repository } from '../oci/reference.ts'
import { ArchiveRefusal } from '../ports/archive.ts'
import { type ImageName, nameOf } from './image-names.ts'
import { refusing } from './refusing.ts'
import type { TakenEntries } from './take-entries.ts'

/** An image of an archive. */
export interface Root {
  readonly digest: Digest
  readonly mediaType: string
  /** Bytes of its manifest. */
  readonly size: number
  readonly name: ImageName | undefined
}

/**
 * The images of an OCI image layout; `undefined` when the archive is none.
 * Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 *
 * @param within the repository of images that have a tag alone
 */
export function readLayout(
  { notes }: TakenEntries,
  within: Repository | undefined,
): readonly Root[] | undefined {
  const layout = notes.get('oci-layout')
  const index = notes.get('index.json')
  if (layout === undefined || index === undefined) return undefined
  const version = refusing('oci-layout', () => {
    const object = asObject(parseJson(layout), '', new Set(['imageLayoutVersion']))
    return optionalString(object, 'imageLayoutVersion', '')
  })
  if (version?.startsWith('1.') !== true) {
    throw new ArchiveRefusal(
      'manifest',
      `oci-layout: version ${version ?? 'none'}; only 1.x is read`,
    )
  }
  const content = refusing('index.json', () =>
    parseManifest(index, 'application/vnd.oci.image.index.v1+json'),
  )
  if (content.kind !== 'index') throw new ArchiveRefusal('manifest', 'index.json: no index')
  return content.manifests.map(entry => {
    const { digest, mediaType, size } = entry
    if (!isManifestType(mediaType)) {
      throw new ArchiveRefusal('manifest', `index.json: ${digest} is ${mediaType}, no image`)
    }
    return { digest, mediaType, size, name: nameOf(entry, within) }
  })
}
