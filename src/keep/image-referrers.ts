import { isCount, readList } from '../ledger/cbor.ts'
import { type Digest, parseDigest } from '../oci/digest.ts'

/** A manifest that has an image as its subject (a signature, an SBOM), as a node that holds the manifest knows it. */
export interface KnownReferrer {
  readonly digest: Digest
  readonly artifactType: string | undefined
  /** Its config and layers are held, too. */
  readonly isWhole: boolean
}

/** What a node says of what refers to an image. */
export interface ToldReferrers {
  /** The first {@link maxTold} by digest. */
  readonly first: readonly KnownReferrer[]
  /** How many more it knows. */
  readonly more: number
}

/** How many nodes hold all of a referrer, and how many should, of those that said something. */
export interface ReportedReferrer {
  readonly digest: Digest
  readonly artifactType: string | undefined
  readonly held: number
  readonly wanted: number
}

/** What the nodes know together of what refers to an image. */
export interface ReportedReferrers {
  readonly referrers: readonly ReportedReferrer[]
  /** How many more there are, at least, of which nothing is said. */
  readonly moreReferrers: number
}

/** Of one image. */
const maxTold = 20
/** A media type, so short that an answer stays within its bounds; any other is not told. */
const toldType = /^[!-~]{1,100}$/

/** What a node says that knows these. */
export function tellReferrers(known: readonly KnownReferrer[]): ToldReferrers {
  const first = known.toSorted(byDigest).slice(0, maxTold)
  return { first, more: known.length - first.length }
}

const byDigest = (a: { readonly digest: Digest }, b: { readonly digest: Digest }): number =>
  a.digest < b.digest ? -1 : 1

/**
 * Unites what nodes say. Told are those of which every one of these nodes said whether it holds them.
 *
 * @param wanted how many of them are to hold each
 */
export function uniteReferrers(told: readonly ToldReferrers[], wanted: number): ReportedReferrers {
  const known = new Map<Digest, KnownReferrer>()
  const held = new Map<Digest, number>()
  for (const one of told.flatMap(({ first }) => first)) {
    known.set(one.digest, one)
    held.set(one.digest, (held.get(one.digest) ?? 0) + (one.isWhole ? 1 : 0))
  }
  /** What comes after it a node may know that did not name it. */
  const ends = told.flatMap(({ first, more }) => (more > 0 ? [first.at(-1)?.digest ?? ''] : []))
  const referrers = [...known.values()]
    .filter(({ digest }) => ends.every(end => digest <= end))
    .sort(byDigest)
    .slice(0, maxTold)
    .map(({ digest, artifactType }) => {
      return { digest, artifactType, held: held.get(digest) ?? 0, wanted }
    })
  const count = Math.max(known.size, ...told.map(({ first, more }) => first.length + more))
  return { referrers, moreReferrers: count - referrers.length }
}

/** As nodes tell it each other. `undefined`, where nothing is said, becomes `null`. */
export const encodeReferrers = (told: ToldReferrers | undefined): readonly unknown[] | null =>
  told === undefined
    ? null
    : [
        told.first.map(({ digest, artifactType, isWhole }) => [
          digest,
          toldType.test(artifactType ?? '') ? artifactType : '',
          isWhole,
        ]),
        told.more,
      ]

/** `undefined` for what cannot be read: a node of before says nothing. Never throws. */
export function decodeReferrers(value: unknown): ToldReferrers | undefined {
  if (!Array.isArray(value)) return undefined
  const [rows, more]: readonly unknown[] = value
  const first = readList(rows, maxTold, readReferrer)
  return first && isCount(more) ? { first, more } : undefined
}

function readReferrer(row: unknown): KnownReferrer | undefined {
  if (!Array.isArray(row)) return undefined
  const [text, type, isWhole]: readonly unknown[] = row
  const digest = typeof text === 'string' ? parseDigest(text) : undefined
  if (digest === undefined || typeof type !== 'string') return undefined
  return { digest, artifactType: toldType.test(type) ? type : undefined, isWhole: isWhole === true }
}
