import type { Digest } from '../oci/digest.ts'
import { formatTag, type Repository, type TagReference } from '../oci/reference.ts'
import type { BlockedAnswers } from '../ports/blocked-answers.ts'
import type { PinBook, PinState } from '../ports/pin-book.ts'
import type { TagLedger, Target } from '../ports/tag-ledger.ts'
import { findEarlier } from './earlier-digest.ts'
import { type FindElsewhere, tellElsewhere } from './find-elsewhere.ts'
import { blockedRefusal, mustBeOperator, Refusal, type Stored } from './operator-word.ts'

/** What an operator wants of a pin. */
export interface PinWish {
  /** `now`: what the tag resolves to at this moment; `previous`: the digest that it stood for before the one it answers with. */
  readonly to: 'now' | 'previous' | Digest
  readonly note: string | undefined
  readonly author: string | undefined
  /** Trusted time, ms since the epoch. */
  readonly expiresAtMs: number | undefined
  /**
   * Also when nobody holds all of the image; it is then fetched, where this node keeps anything. Its manifest must be had, unless `described`
   * tells of it.
   */
  readonly allowIncomplete: boolean
  /** Also a digest that is known as an image of other repositories alone: nodes give it as long as one of them has it. */
  readonly allowElsewhere?: boolean | undefined
  /** Also when the digest is blocked: the pin is in force once it no longer is, and nothing is fetched before. */
  readonly allowBlocked?: boolean | undefined
  /** What was known of the manifest when it was there, as a backup has it; believed where it is not held here, so that nobody is asked. */
  readonly described?: Pick<Target, 'mediaType' | 'size'> | undefined
}

/** How a change is made. */
export interface PinTerms {
  /** Nodes that are to have stored it before it is acknowledged, this one among them. */
  readonly copies: number
  /** Asked right before the change, of what stands there then: throws when that is not what the operator has seen. */
  readonly check: (standing: PinState | undefined) => void
  readonly signal: AbortSignal
}

/** What a digest rests on that a tag was resolved to. */
export interface PinBasis {
  /** Which rung gave it. */
  readonly source: string
  /** The registry, or who asked it, said so just now. */
  readonly isFresh: boolean
  /** In words. */
  readonly reason: string
  /** When the registry last confirmed it, ms since the epoch; `undefined`: never. */
  readonly confirmedAtMs: number | undefined
}

/** What a tag resolves to at this moment. */
export interface ResolvedNow {
  readonly target: Target
  readonly basis: PinBasis
}

/** What a change did. */
export interface PinChange {
  readonly before: PinState | undefined
  readonly after: PinState | undefined
  readonly stored: Stored
  /** Nodes of this one's kind can run the image now, from here or from each other. */
  readonly isComplete: boolean
  /** What is missing is being fetched. */
  readonly isFetching: boolean
  /** Blocked digests that were passed over on the way back to an earlier one, newest first. */
  readonly skipped: readonly Digest[]
  /** Where the tag was resolved. */
  readonly basis?: PinBasis | undefined
}

/** Sets pins, each only on a digest that can be served. */
export interface Pins {
  /** Throws {@link Refusal}; rejects with `ledger-unusable`. Settles when it is durable here, and on others as far as asked. */
  set(key: TagReference, wish: PinWish, terms: PinTerms): Promise<PinChange>
  /** Rejects as {@link Pins.set} would, and says nothing. */
  tryOut(key: TagReference, wish: PinWish, signal: AbortSignal): Promise<void>
  /** The tag is resolved as any other again. */
  remove(key: TagReference, author: string | undefined, terms: PinTerms): Promise<PinChange>
}

/** Whom pins ask. */
export interface PinParts {
  readonly ledger: Pick<TagLedger, 'setPin' | 'removePin' | 'trustedNowMs'>
  /** What a tag is known to have stood for, newest first, blocked digests among it. */
  readonly history: BlockedAnswers['history']
  readonly book: Omit<PinBook, 'each'>
  /** What the tag resolves to; a text says why to nothing. */
  readonly resolve: (key: TagReference, signal: AbortSignal) => Promise<ResolvedNow | string>
  /** Digest, type and size of a manifest that is held here. */
  readonly describe: (digest: Digest) => Target | undefined
  readonly findElsewhere: FindElsewhere
  /** Fetches a manifest from wherever it can be had. */
  readonly fetchManifest: (
    repository: Repository,
    digest: Digest,
    signal: AbortSignal,
  ) => Promise<Target | undefined>
  readonly isInReach: (repository: Repository, digest: Digest) => Promise<boolean>
  /** Has the rest of an image fetched, behind all pulls; `false` where this node keeps nothing. */
  readonly complete: (repository: Repository, digest: Digest) => boolean
  /** Whether other nodes believe what an operator says here. */
  readonly isOperator: () => boolean
  /** Has other nodes store what this one says of the pin. */
  readonly storeOnOthers: (
    key: TagReference,
    copies: number,
    signal: AbortSignal,
  ) => Promise<Stored>
}

/** What a wish comes to: a digest of which nothing else is known may be one. */
interface Found {
  readonly target: Target | Digest
  readonly skipped: readonly Digest[]
  readonly basis?: PinBasis
}

/** Pins of this node's ledger. */
export function createPins(parts: PinParts): Pins {
  const { ledger, book } = parts

  function mustLast({ expiresAtMs }: PinWish): void {
    const nowMs = ledger.trustedNowMs()
    if (expiresAtMs === undefined || expiresAtMs > nowMs) return
    const now = new Date(nowMs).toISOString()
    throw new Refusal('past', `a pin cannot end in the past: it is ${now} by this node's clock`)
  }

  async function targetOf(
    key: TagReference,
    to: PinWish['to'],
    signal: AbortSignal,
  ): Promise<Found> {
    if (to === 'previous') {
      return findEarlier(key, {
        history: parts.history(key),
        standing: book.get(key),
        isBlocked: digest => book.isBlocked(digest),
      })
    }
    if (to !== 'now') {
      const target =
        parts.describe(to) ?? parts.history(key).find(({ digest }) => digest === to) ?? to
      return { target, skipped: [] }
    }
    const resolved = await parts.resolve(key, signal)
    if (typeof resolved !== 'string') return { ...resolved, skipped: [] }
    const tag = formatTag(key)
    throw new Refusal(
      'nothing',
      `${tag} resolves to nothing now: ${resolved}; \`holdfast explain ${tag}\` tells what was tried`,
    )
  }

  async function known(
    key: TagReference,
    digest: Digest,
    described: PinWish['described'],
    signal: AbortSignal,
  ): Promise<Target> {
    if (described !== undefined) return { digest, ...described }
    const target = await parts.fetchManifest(key, digest, signal)
    if (target !== undefined) return target
    throw new Refusal(
      'unknown',
      `${digest} cannot be had from any node or registry now: of what is pinned at least the manifest must be known, also with allowIncomplete (--allow-incomplete); try again when one answers, or import the image`,
    )
  }

  /** Where it is a digest that was named, and no other repository's image is meant to be. */
  async function mustBelong(
    key: TagReference,
    digest: Digest,
    { to, allowElsewhere = false }: PinWish,
    signal: AbortSignal,
  ): Promise<void> {
    if (allowElsewhere || to !== digest) return
    const elsewhere = await parts.findElsewhere(key, digest, signal)
    if (elsewhere === undefined) return
    throw new Refusal('elsewhere', tellElsewhere(key, digest, elsewhere))
  }

  /** What is to be pinned, once it is known that it can be served or that this does not matter. */
  async function find(
    key: TagReference,
    wish: PinWish,
    signal: AbortSignal,
    { isInReach }: Pick<PinParts, 'isInReach'> = parts,
  ): Promise<Pick<PinChange, 'isComplete' | 'skipped' | 'basis'> & { readonly target: Target }> {
    const { to, allowIncomplete, allowBlocked = false, described } = wish
    const { target: wanted, ...found } = await targetOf(key, to, signal)
    const digest = typeof wanted === 'string' ? wanted : wanted.digest
    if (book.isBlocked(digest) && !allowBlocked) throw blockedRefusal(digest)
    // First: a manifest that another node gives is known to be of this repository from then on.
    await mustBelong(key, digest, wish, signal)
    const isComplete = await isInReach(key, digest)
    if (!isComplete && !allowIncomplete) {
      throw new Refusal(
        'not-held',
        `no node holds all of ${formatTag(key)} at ${digest}; allowIncomplete (--allow-incomplete) pins it and fetches it`,
      )
    }
    const target = typeof wanted === 'string' ? await known(key, digest, described, signal) : wanted
    return { ...found, target, isComplete }
  }

  async function acknowledged(
    key: TagReference,
    before: PinState | undefined,
    { copies, signal }: PinTerms,
    image: Pick<PinChange, 'isComplete' | 'isFetching' | 'skipped' | 'basis'>,
  ): Promise<PinChange> {
    const stored = await parts.storeOnOthers(key, copies, signal)
    return { before, after: book.get(key), stored, ...image }
  }

  return {
    async set(key, wish, terms) {
      mustBeOperator(parts.isOperator)
      mustLast(wish)
      terms.check(book.get(key)) // before anything is fetched for it
      const { target, ...image } = await find(key, wish, terms.signal)
      const standing = book.get(key)
      terms.check(standing)
      if (!isSame(standing, target, wish)) await ledger.setPin(key, target, detailsOf(wish))
      const isFetching =
        !image.isComplete && !book.isBlocked(target.digest) && parts.complete(key, target.digest)
      return acknowledged(key, standing, terms, { ...image, isFetching })
    },
    async tryOut(key, wish, signal) {
      mustBeOperator(parts.isOperator)
      mustLast(wish)
      // Nobody is asked for what would change nothing.
      await find(key, wish, signal, {
        isInReach: wish.allowIncomplete ? async () => false : parts.isInReach,
      })
    },
    async remove(key, author, terms) {
      mustBeOperator(parts.isOperator)
      const standing = book.get(key)
      terms.check(standing)
      const isPinned = standing !== undefined && standing.standing !== 'removed'
      if (isPinned) await ledger.removePin(key, author)
      return acknowledged(key, standing, terms, {
        isComplete: true,
        isFetching: false,
        skipped: [],
      })
    },
  }
}

/** Saying the same twice changes nothing. */
function isSame(standing: PinState | undefined, target: Target, wish: PinWish): boolean {
  return (
    standing?.standing === 'in-force' &&
    standing.target?.digest === target.digest &&
    standing.note === wish.note &&
    standing.author === wish.author &&
    standing.expiresAtMs === wish.expiresAtMs
  )
}

function detailsOf({ note, author, expiresAtMs }: PinWish): Parameters<TagLedger['setPin']>[2] {
  return {
    ...(note !== undefined && { note }),
    ...(author !== undefined && { author }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
  }
}
