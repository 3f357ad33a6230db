import type { Digest } from '../oci/digest.ts'
import { derived } from '../ports/derived.ts'
import type { NodeId } from '../ports/node-id.ts'
import type { SaidWord, WordBook } from '../ports/word-book.ts'
import type { WarmJob } from './warm-job.ts'
import { decodeShare, readShareKey, type Share, shareKey } from './warm-share.ts'

type JobName = Pick<WarmJob, 'id' | 'createdAtMs' | 'images'>

/** A share, and when its node said so, ms since the epoch. */
export interface SaidShare {
  readonly share: Share
  readonly atMs: number
}

/** What all nodes said of one job. */
export interface JobShares {
  readonly byNode: ReadonlyMap<NodeId, SaidShare>
  /**
   * What its images' tags stand for, in their order: all nodes take the word of the same one, of those that had it from a registry the first
   * by its key.
   */
  readonly agreed: readonly (Digest | undefined)[]
}

/** What nodes said of jobs. What is of an earlier job with the same id is left out. */
export interface ShareIndex {
  /** The same until a node says something else of it. */
  of(job: JobName): JobShares
  /** One node's share; what others said of the job is not read for it. */
  one(job: JobName, node: NodeId): Share | undefined
}

/** All that was said of what has an id. */
interface Said {
  readonly words: readonly SaidWord[]
  /** Put together when it is first asked for. */
  made?: { readonly job: JobName; readonly shares: JobShares }
}

const nothing: JobShares = { byNode: new Map(), agreed: [] }

/** Looks up what a book of shares has. Each word is read once, when it is first asked for: there are hundreds, of hundreds of images. */
export function createShareIndex(
  { list }: Pick<WordBook, 'list'>,
  decode: typeof decodeShare = decodeShare,
): ShareIndex {
  const read = new WeakMap<
    SaidWord,
    { readonly images: number; readonly share: Share | undefined }
  >()
  let before: ReadonlyMap<string, Said> = new Map()
  const byId = derived(list, all => {
    const words = Map.groupBy(all, ({ key }) => readShareKey(key).job)
    before = new Map([...words].map(([id, own]) => [id, renew(before.get(id), own)]))
    return before
  })

  /** Words may come before the job that they are of, while an earlier one has its id. */
  function readWord(word: SaidWord, images: number): Share | undefined {
    const known = read.get(word)
    if (known?.images === images) return known.share
    const share = decode(word.value ?? '', images)
    read.set(word, { images, share })
    return share
  }

  function shareIn(word: SaidWord, { createdAtMs, images }: JobName): Share | undefined {
    const share = readWord(word, images.length)
    return share?.jobAtMs === createdAtMs ? share : undefined
  }

  function make(words: readonly SaidWord[], job: JobName): JobShares {
    const shares = words.flatMap(word => {
      const share = shareIn(word, job)
      const { node } = readShareKey(word.key)
      return share === undefined ? [] : [[node, { share, atMs: word.atMs }] as const]
    })
    return { byNode: new Map(shares), agreed: agree(shares, job) }
  }

  return {
    of(job) {
      const said = byId().get(job.id)
      if (said === undefined) return nothing
      if (said.made === undefined || !isSameJob(said.made.job, job)) {
        said.made = { job, shares: make(said.words, job) }
      }
      return said.made.shares
    },
    one(job, node) {
      const key = shareKey(job.id, node)
      const word = byId()
        .get(job.id)
        ?.words.find(said => said.key === key)
      return word && shareIn(word, job)
    },
  }
}

/** What was made of the same words stays. */
function renew(before: Said | undefined, words: readonly SaidWord[]): Said {
  const isSame =
    before?.words.length === words.length && words.every((word, at) => word === before.words[at])
  return isSame ? before : { words }
}

const isSameJob = (a: JobName, b: JobName): boolean =>
  a.createdAtMs === b.createdAtMs && a.images.length === b.images.length

function agree(
  shares: readonly (readonly [NodeId, SaidShare])[],
  { images }: JobName,
): JobShares['agreed'] {
  const inOrder = shares.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { share }]) => share)
  return images.map((_, at) => {
    const said = inOrder.flatMap(share => share.images[at] ?? [])
    return said.find(({ digest, isRemembered }) => digest !== undefined && !isRemembered)?.digest
  })
}
