import type { Exclusion, ExclusionBook, ExclusionKind } from '../ports/exclusion-book.ts'
import type { NodeId } from '../ports/node-id.ts'
import { createOneByOneOfEach } from '../ports/one-by-one.ts'
import { mustBeOperator, Refusal, type Stored } from './operator-word.ts'

/** What a change did. */
export interface ExclusionChange {
  readonly before: Exclusion | undefined
  readonly after: Exclusion | undefined
  readonly stored: Stored
}

/** Bans nodes and blocks digests, on every node. */
export interface Exclusions {
  find(kind: ExclusionKind, key: string): Exclusion | undefined
  /** Throws {@link Refusal}; rejects with `ledger-unusable`. */
  set(
    kind: ExclusionKind,
    key: string,
    details: { readonly note: string | undefined; readonly author: string | undefined },
    terms: ExclusionTerms,
  ): Promise<ExclusionChange>
  /** Throws what {@link Exclusions.set} would, and says nothing. */
  tryOut(kind: ExclusionKind, key: string): void
  lift(
    kind: ExclusionKind,
    key: string,
    author: string | undefined,
    terms: ExclusionTerms,
  ): Promise<ExclusionChange>
}

export interface ExclusionTerms {
  /** Nodes that are to have stored it before it is acknowledged, this one among them. */
  readonly copies: number
  /** Asked right before the change, of what stands there then: throws when that is not what the operator has seen. */
  readonly check?: ((standing: Exclusion | undefined) => void) | undefined
  readonly signal: AbortSignal
}

/** Exclusions of this node's ledger. Changes of one are made one after another: each sees what the one before left. */
export function createExclusions(parts: {
  readonly book: ExclusionBook
  readonly self: NodeId
  /** Whether other nodes believe what an operator says here. */
  readonly isOperator: () => boolean
  /** Has other nodes store what this one says of it. */
  readonly storeOnOthers: (
    kind: ExclusionKind,
    key: string,
    terms: ExclusionTerms,
  ) => Promise<Stored>
}): Exclusions {
  const { book } = parts
  const inTurn = createOneByOneOfEach()
  const find = (kind: ExclusionKind, key: string): Exclusion | undefined =>
    book.list(kind).find(one => one.key === key)

  async function change(
    kind: ExclusionKind,
    key: string,
    terms: ExclusionTerms,
    write: (before: Exclusion | undefined) => Promise<void>,
  ): Promise<ExclusionChange> {
    const did = await inTurn(`${kind} ${key}`, async () => {
      mustBeOperator(parts.isOperator)
      const before = find(kind, key)
      terms.check?.(before)
      await write(before)
      return { before, after: find(kind, key) }
    })
    return { ...did, stored: await parts.storeOnOthers(kind, key, terms) }
  }

  function tryOut(kind: ExclusionKind, key: string): void {
    mustBeOperator(parts.isOperator)
    if (kind === 'ban' && key === parts.self) {
      throw new Refusal('self', 'a node cannot ban itself: say it on another one')
    }
  }

  return {
    find,
    tryOut,
    async set(kind, key, details, terms) {
      tryOut(kind, key)
      return change(kind, key, terms, async before => {
        const isSame = before?.note === details.note && before?.author === details.author
        if (before === undefined || !isSame) await book.set(kind, key, details)
      })
    },
    lift: (kind, key, author, terms) =>
      change(kind, key, terms, async before => {
        if (before !== undefined) await book.lift(kind, key, author)
      }),
  }
}
