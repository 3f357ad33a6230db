import type { Digest } from '../oci/digest.ts'
import { readConfigPlatform } from '../oci/image-config.ts'
import {
  type Descriptor,
  type ImageManifest,
  type Manifest,
  maxManifestBytes,
  parseManifest,
} from '../oci/manifest.ts'
import { isImageConfigType, isManifestType, isNonDistributable } from '../oci/media-type.ts'
import { formatPlatform, isUnknownPlatform, type Platform } from '../oci/platform.ts'
import { ArchiveRefusal } from '../ports/archive.ts'
import type { ContentStore } from '../ports/content-store.ts'
import { refusing } from './refusing.ts'

/** A manifest that was read and whose parts were looked for. */
export interface CheckedManifest {
  readonly digest: Digest
  readonly mediaType: string
  readonly bytes: Buffer
}

/** What is here of an image. */
export interface CheckedImage {
  /** The manifests that are here, those below before those above. */
  readonly manifests: readonly CheckedManifest[]
  /** Configs that were asked for a platform, because no index tells it. */
  readonly configs: readonly { readonly digest: Digest; readonly bytes: Buffer }[]
  /** Everything that belongs to it, here or not. */
  readonly tree: ReadonlySet<Digest>
  /** Platforms whose image is whole; one of which neither an index nor its config tells the platform counts as `unknown`. */
  readonly platforms: readonly string[]
}

/** Levels of indexes; images have two. */
const maxDepth = 4

/**
 * Walks an image and looks whether what is here of it agrees with what names it. Platforms may be missing, and parts of them; that none is
 * whole is refused. Throws `ArchiveRefusal` `manifest`, `missing`.
 */
export async function checkImage(
  root: Pick<Descriptor, 'digest' | 'mediaType' | 'size'>,
  store: Pick<ContentStore, 'stat' | 'get'>,
): Promise<CheckedImage> {
  const manifests = new Map<Digest, CheckedManifest>()
  const tree = new Set<Digest>()
  const platforms = new Set<string>()
  const absent: Digest[] = []
  const configs: { readonly digest: Digest; readonly bytes: Buffer }[] = []

  async function visit(at: Descriptor, depth: number): Promise<void> {
    tree.add(at.digest)
    if (manifests.has(at.digest)) return
    if (depth > maxDepth) throw new ArchiveRefusal('manifest', `indexes in ${maxDepth} levels`)
    if (!isHeld(at)) return void absent.push(at.digest)
    const { bytes, content } = await read(at, store)
    if (content.kind === 'image') await lookForParts(at, content)
    else for (const entry of content.manifests) await visitEntry(entry, depth + 1)
    manifests.set(at.digest, { digest: at.digest, mediaType: content.mediaType, bytes })
  }

  async function lookForParts(
    { platform }: Pick<Descriptor, 'platform'>,
    { config, layers }: ImageManifest,
  ): Promise<void> {
    const parts = [config, ...layers]
    for (const { digest } of parts) tree.add(digest)
    const needed = parts.filter(part => !isNonDistributable(part.mediaType))
    const lacking = needed.filter(part => !isHeld(part))
    absent.push(...lacking.map(({ digest }) => digest))
    const isAttestation = platform !== undefined && isUnknownPlatform(platform)
    if (lacking.length > 0 || isAttestation) return
    const found = platform ?? (await platformIn(config))
    platforms.add(found === undefined ? 'unknown' : formatPlatform(found))
  }

  async function platformIn({ digest, mediaType }: Descriptor): Promise<Platform | undefined> {
    if (!isImageConfigType(mediaType)) return undefined
    const bytes = await store.get(digest, maxManifestBytes)
    if (bytes === undefined) return undefined
    configs.push({ digest, bytes })
    return readConfigPlatform(bytes)
  }

  /** Indexes may list what is no manifest. */
  async function visitEntry(entry: Descriptor, depth: number): Promise<void> {
    if (isManifestType(entry.mediaType)) await visit(entry, depth)
    else tree.add(entry.digest)
  }

  function isHeld({ digest, size }: Descriptor): boolean {
    const held = store.stat(digest)
    if (held !== undefined && held.size !== size) {
      const sizes = `${digest} has ${held.size} bytes, and ${size} by what names it`
      throw new ArchiveRefusal('manifest', sizes)
    }
    return held !== undefined
  }

  await visit(root, 1)
  if (platforms.size === 0) {
    const [first] = absent
    const what = first === undefined ? 'it is for no platform' : `${first} is missing`
    throw new ArchiveRefusal('missing', `no platform of ${root.digest} is whole: ${what}`)
  }
  return { manifests: [...manifests.values()], configs, tree, platforms: [...platforms] }
}

async function read(
  { digest, mediaType }: Descriptor,
  store: Pick<ContentStore, 'get'>,
): Promise<{ readonly bytes: Buffer; readonly content: Manifest }> {
  const bytes = await store.get(digest, maxManifestBytes)
  if (bytes === undefined) {
    throw new ArchiveRefusal('manifest', `${digest} is larger than a manifest may be`)
  }
  return { bytes, content: refusing(digest, () => parseManifest(bytes, mediaType)) }
}
