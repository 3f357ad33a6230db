import type { Digest } from '../oci/digest.ts'
import type { Descriptor } from '../oci/manifest.ts'
import type { Platform } from '../oci/platform.ts'
import { formatReference, formatTag, type Reference, type TagReference } from '../oci/reference.ts'
import type { TagLedger, Target } from '../ports/tag-ledger.ts'
import type { EarlierBundle } from './bundle-note.ts'
import type { TreeOf } from './image-trees.ts'

/** What goes into a bundle. */
export interface ExportOptions {
  readonly references: readonly Reference[]
  /** Whatever is pinned, too, and the removals of pins. */
  readonly pinned: boolean
  /** Of an image for several platforms these alone; all that is here when absent. */
  readonly platforms: readonly Platform[] | undefined
  /** What refers to the images: signatures, SBOMs. */
  readonly referrers: boolean
  /** What these hold is left out; the first before the last. */
  readonly earlier: readonly EarlierBundle[]
}

/** Nothing is exported, because something that was asked for is not here. `message` names it. */
export class NotHere extends Error {
  override readonly name = 'NotHere'
}

/** An image of the bundle. */
export interface Picked extends Target {
  /** Absent for an image that was asked for by its digest. */
  readonly key: TagReference | undefined
  /** What the bundle calls it. */
  readonly name: string
}

/** A bundle before its first byte. */
export interface ExportPlan {
  /** In the order of their names. */
  readonly picked: readonly Picked[]
  /** What refers to them. */
  readonly referrers: readonly Target[]
  /** What it will hold, parts before the whole. */
  readonly blobs: readonly Digest[]
  /** What belongs to it and earlier bundles hold. */
  readonly needs: readonly Digest[]
}

export interface PlanParts {
  readonly ledger: Pick<TagLedger, 'history' | 'pin' | 'list'>
  readonly treeOf: TreeOf
  readonly describe: (digest: Digest) => Target | undefined
  readonly referrers: (digest: Digest) => readonly Descriptor[]
}

/** Works out what a bundle holds. Equal questions get equal plans while nothing else comes. Throws {@link NotHere}. */
export function planExport(
  { ledger, treeOf, describe, referrers }: PlanParts,
  options: ExportOptions,
): ExportPlan {
  const { platforms } = options

  /** The digests that a reference may stand for: its own, that of its pin, else all that are known of the tag, the newest first. */
  function candidates({ digest }: Reference, key: TagReference | undefined): readonly Digest[] {
    if (digest !== undefined) return [digest]
    const pin = key && ledger.pin(key)
    if (pin !== undefined) return [pin.digest]
    return key === undefined ? [] : ledger.history(key).map(one => one.digest)
  }

  function pick(reference: Reference): Picked {
    const key = keyOf(reference)
    const found = candidates(reference, key).find(one => treeOf(one, platforms) !== undefined)
    const target = found && describe(found)
    if (target === undefined) {
      const ref = formatReference(reference)
      throw new NotHere(
        `${ref} is not here, or not all of it is; \`holdfast warm ${ref}\` fetches it`,
      )
    }
    // A tag beside a digest says nothing, and would be moved by whoever imports the bundle.
    const name = formatReference({ ...reference, tag: key?.tag })
    return { ...target, key, name }
  }

  const wanted = [...options.references, ...(options.pinned ? pinnedIn(ledger) : [])]
  const byName = new Map(wanted.map(pick).map(one => [one.name, one]))
  const picked = [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  if (picked.length === 0) {
    throw new NotHere(
      'there is nothing to export: nothing is pinned; name images, or `holdfast pin` some',
    )
  }
  const all = new Set<Digest>()
  const found: Target[] = []

  function add(digest: Digest, of: readonly Platform[] | undefined): void {
    for (const one of treeOf(digest, of) ?? []) {
      if (all.has(one)) continue
      all.add(one)
      if (options.referrers) addReferrers(one)
    }
  }

  function addReferrers(subject: Digest): void {
    for (const digest of referrers(subject)
      .map(one => one.digest)
      .sort()) {
      const target = describe(digest)
      if (target === undefined || treeOf(digest, undefined) === undefined) continue
      if (!all.has(digest)) found.push(target)
      add(digest, undefined)
    }
  }

  for (const { digest } of picked) add(digest, platforms)
  const carried = new Set(options.earlier.flatMap(({ blobs }) => blobs))
  return {
    picked,
    referrers: found,
    blobs: [...all].filter(digest => !carried.has(digest)),
    needs: [...all].filter(digest => carried.has(digest)),
  }
}

/** Beside a digest a tag decides nothing. */
function keyOf({ registry, repository, tag, digest }: Reference): TagReference | undefined {
  return tag === undefined || digest !== undefined ? undefined : { registry, repository, tag }
}

/** Keys looked at at a time. */
const pageKeys = 500

/** Every tag that is pinned. */
function* pinnedIn(ledger: Pick<TagLedger, 'list'>): Generator<Reference> {
  let page = ledger.list({ limit: pageKeys })
  for (let last = page.at(-1); last !== undefined; last = page.at(-1)) {
    for (const { key, pin } of page) if (pin) yield { ...key, digest: undefined }
    page = ledger.list({ after: formatTag(last.key), limit: pageKeys })
  }
}
