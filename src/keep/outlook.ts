import type { Digest } from '../oci/digest.ts'

/**
 * What a node's clients would have of a tag if its registry could not be reached from now on. `here`: the node holds it; `in-reach`: other
 * live nodes hold what it lacks; `older`: an earlier image of the tag is what can be had; `lacking`: nothing can; `unaware`: the node's
 * ledger does not know (yet) what the tag stands for; `not-for`: the image has nothing for clients of this node.
 */
export type Standing = 'here' | 'in-reach' | 'older' | 'lacking' | 'unaware' | 'not-for'

/** Something that no node holds. */
export interface Gap {
  readonly digest: Digest
  readonly kind: 'manifest' | 'blob'
  /** Bytes, when a manifest says it. */
  readonly size: number | undefined
}

/** What a node says of an image. */
export interface Told {
  /** By platform, how many parts of the newest digest it lacks; `undefined`: there is nothing for that platform. */
  readonly lacks: ReadonlyMap<string, number | undefined>
  /** Which of the digests it may answer the tag with. */
  readonly knows: readonly Digest[]
}

/** What no live node holds for clients of a platform; `undefined` when the image has nothing for them. */
export type GapsOf = (target: Digest, platform: string) => Promise<readonly Gap[] | undefined>

/** What clients would have, what of the newest digest no live node holds, and the earlier one that is answered instead. */
export interface Outlook {
  readonly standing: Standing
  readonly gaps: readonly Gap[]
  readonly older: Digest | undefined
}

/** What clients of one platform would have on a node. */
export async function lookOut(
  [newest, ...earlier]: readonly Digest[],
  platform: string,
  { lacks, knows }: Told,
  gapsOf: GapsOf,
): Promise<Outlook> {
  const outlook = { gaps: [], older: undefined }
  if (newest === undefined || knows.length === 0) return { ...outlook, standing: 'unaware' }
  const gaps = await gapsOf(newest, platform)
  if (gaps === undefined) return { ...outlook, standing: 'not-for' }
  if (knows.includes(newest)) {
    if (lacks.get(platform) === 0) return { ...outlook, standing: 'here' }
    if (gaps.length === 0) return { ...outlook, standing: 'in-reach' }
  }
  for (const older of earlier.filter(digest => knows.includes(digest))) {
    if ((await gapsOf(older, platform))?.length === 0) return { standing: 'older', gaps, older }
  }
  return { ...outlook, standing: 'lacking', gaps }
}

/** Worst first. */
const order: readonly Standing[] = ['unaware', 'lacking', 'older', 'in-reach', 'here', 'not-for']

/** A node with clients of two platforms is as well off as the worse of them. */
export function worstOf(outlooks: readonly Outlook[]): Outlook {
  const [worst = { standing: 'not-for', gaps: [], older: undefined }] = outlooks.toSorted(
    (a, b) => order.indexOf(a.standing) - order.indexOf(b.standing),
  )
  return { ...worst, gaps: outlooks.flatMap(({ gaps }) => gaps) }
}
