import type { KeepBook } from '../ports/keep-book.ts'
import { createOneByOneOfEach } from '../ports/one-by-one.ts'
import { type KeepSet, type KeptPattern, maxPatterns, type ParsePattern } from './keep-set.ts'
import { mustBeOperator, Refusal, type Stored } from './operator-word.ts'

/** What a change did. */
export interface KeepChange {
  /** In its canonical form. */
  readonly pattern: string
  readonly before: KeptPattern | undefined
  /** What stands there now: also where operators want it no longer and the configuration does. */
  readonly after: KeptPattern | undefined
  readonly stored: Stored
}

/** How a change is made. */
export interface KeepTerms {
  /** Nodes that are to have stored it before it is acknowledged, this one among them. */
  readonly copies: number
  /** Asked right before the change, of what stands there then: throws when that is not what the operator has seen. */
  readonly check?: ((standing: KeptPattern | undefined) => void) | undefined
  readonly signal: AbortSignal
}

/** Has what a pattern covers kept, on every node. */
export interface Keeps {
  /** What stands of a pattern. Throws {@link Refusal} `no-pattern`. */
  find(text: string): KeptPattern | undefined
  /** Throws {@link Refusal}; rejects with `ledger-unusable`. */
  set(
    text: string,
    details: { readonly note: string | undefined; readonly author: string | undefined },
    terms: KeepTerms,
  ): Promise<KeepChange>
  /**
   * Throws what {@link Keeps.set} would throw after `ahead` was said, in canonical form, and says nothing. Returns the pattern if it would be
   * one more.
   */
  tryOut(text: string, ahead: ReadonlySet<string>): string | undefined
  /** As {@link Keeps.set}. What the configuration of a node says stays in force there. */
  remove(text: string, author: string | undefined, terms: KeepTerms): Promise<KeepChange>
}

/** Keeps of this node's ledger. Changes of a pattern are made one after another: each sees what the one before left. */
export function createKeeps(parts: {
  readonly book: Pick<KeepBook, 'set' | 'lift'>
  readonly set: Pick<KeepSet, 'patterns'>
  readonly parse: ParsePattern
  /** Whether other nodes believe what an operator says here. */
  readonly isOperator: () => boolean
  /** Has other nodes store what this one says of it. */
  readonly storeOnOthers: (pattern: string, terms: KeepTerms) => Promise<Stored>
}): Keeps {
  const { book } = parts
  const inTurn = createOneByOneOfEach()
  /** Patterns that are being written. */
  const coming = new Set<string>()
  const standing = (pattern: string): KeptPattern | undefined =>
    parts.set.patterns().find(one => one.pattern === pattern)

  function read(text: string): string {
    const parsed = parts.parse(text)
    if (!('problem' in parsed)) return parsed.canonical
    throw new Refusal(
      'no-pattern',
      `${JSON.stringify(text)} ${parsed.problem}; write ${parsed.cure.replace(/^write /, '')}`,
    )
  }

  async function change(
    text: string,
    terms: KeepTerms,
    write: (pattern: string, before: KeptPattern | undefined) => Promise<void>,
  ): Promise<KeepChange> {
    mustBeOperator(parts.isOperator)
    const pattern = read(text)
    const did = await inTurn(pattern, async () => {
      const before = standing(pattern)
      terms.check?.(before)
      await write(pattern, before)
      return { pattern, before, after: standing(pattern) }
    })
    return { ...did, stored: await parts.storeOnOthers(pattern, terms) }
  }

  function mustHaveRoom(beside: ReadonlySet<string>): void {
    const more = [...beside].filter(pattern => standing(pattern) === undefined)
    if (parts.set.patterns().length + more.length < maxPatterns) return
    throw new Refusal(
      'too-many',
      `${maxPatterns} patterns are kept, and more are not looked at: remove some, or write wider ones`,
    )
  }

  async function writeOneMore(
    pattern: string,
    details: Parameters<Keeps['set']>[1],
  ): Promise<void> {
    mustHaveRoom(coming)
    coming.add(pattern)
    await book.set(pattern, details).finally(() => coming.delete(pattern))
  }

  return {
    find: text => standing(read(text)),
    set: (text, details, terms) =>
      change(text, terms, async (pattern, before) => {
        const { note, author } = before?.said ?? {}
        const isSame = note === details.note && author === details.author
        if (before?.said !== undefined && isSame) return
        if (before === undefined) await writeOneMore(pattern, details)
        else await book.set(pattern, details)
      }),
    tryOut(text, ahead) {
      mustBeOperator(parts.isOperator)
      const pattern = read(text)
      if (standing(pattern) !== undefined || ahead.has(pattern)) return undefined
      mustHaveRoom(ahead)
      return pattern
    },
    remove: (text, author, terms) =>
      change(text, terms, async (pattern, before) => {
        if (before?.said !== undefined) await book.lift(pattern, author)
      }),
  }
}
