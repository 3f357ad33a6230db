import type { Clock } from '../ports/clock.ts'
import type { NodeId } from '../ports/node-id.ts'

/** How long a record that this node did not take is not asked for again, ms. */
const keptMs = 3_600_000

/** Marks remembered; beyond it the oldest go and are asked for once more. */
const maxRefusals = 50_000

/** Bytes of one mark. */
const markBytes = 4

/**
 * Marks of records that were offered to this node and not taken: too old, ahead of time, by no operator. Without this two nodes would
 * send each other the same for ever. What could not be verified is remembered of who sent it alone, so that nobody keeps another's
 * records out with a made-up one.
 */
export interface Refusals {
  add(leaf: number, mark: string, from: NodeId | undefined): void
  /** Marks of one leaf that a node need not send. */
  of(leaf: number, to: NodeId): ReadonlySet<string>
  /** What is taken and what is not has changed. */
  clear(): void
  size(): number
}

interface Refusal {
  readonly leaf: number
  readonly mark: string
  readonly from: NodeId | undefined
  readonly untilMs: number
}

/** Remembers in the order they came. */
export function createRefusals(clock: Clock): Refusals {
  const all = new Map<string, Refusal>()
  const leaves = new Map<number, Map<string, Refusal>>()

  function drop(name: string, { leaf }: Refusal): void {
    all.delete(name)
    const ofLeaf = leaves.get(leaf)
    ofLeaf?.delete(name)
    if (ofLeaf?.size === 0) leaves.delete(leaf)
  }

  function trim(): void {
    const nowMs = clock.monotonicMs()
    for (const [name, refusal] of all) {
      if (all.size <= maxRefusals && refusal.untilMs > nowMs) return
      drop(name, refusal)
    }
  }

  return {
    add(leaf, mark, from) {
      const name = `${leaf} ${mark} ${from ?? ''}`
      const refusal = { leaf, mark, from, untilMs: clock.monotonicMs() + keptMs }
      all.delete(name)
      all.set(name, refusal)
      const ofLeaf = leaves.get(leaf) ?? new Map<string, Refusal>()
      leaves.set(leaf, ofLeaf.set(name, refusal))
      trim()
    },
    of(leaf, to) {
      trim()
      const refusals = [...(leaves.get(leaf)?.values() ?? [])]
      const those = refusals.filter(({ from }) => from === undefined || from === to)
      return new Set(those.map(({ mark }) => mark))
    },
    clear() {
      all.clear()
      leaves.clear()
    },
    size: () => all.size,
  }
}

/** Packs marks. */
export const encodeMarks = (marks: ReadonlySet<string>): Uint8Array =>
  Buffer.from([...marks].join(''), 'hex')

/** Unpacks marks; `undefined` when they are none. Never throws. */
export function decodeMarks(bytes: Uint8Array): ReadonlySet<string> | undefined {
  if (bytes.length % markBytes !== 0) return undefined
  const text = Buffer.from(bytes).toString('hex')
  return new Set(text.match(/.{8}/g) ?? [])
}
