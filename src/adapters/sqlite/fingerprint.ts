import { setImmediate as nextTurn } from 'node:timers/promises'
import {
  compareRows,
  hashLeaf,
  leafCount,
  leafHashBytes,
  markOf,
  type RecordRow,
} from '../../ledger/leaf.ts'
import type { Connection } from './database.ts'
import type { Reader } from './reader.ts'
import { leafStatements, registersOf, registerText } from './registers.ts'

/** How long leaves are hashed before others have their turn, ms. */
const sliceMs = 6

/** Hashes of the leaves, kept up to date as records come and go. */
export interface Fingerprint {
  /** `leafCount` × `leafHashBytes`. */
  get(): Promise<Uint8Array>
  /** These leaves changed. */
  touch(leaves: readonly number[]): void
  /** Anything may have changed. */
  touchAll(): void
}

/** Hashes only what changed since the last time; all of it the first time, in slices. */
export function createFingerprint(reader: Reader): Fingerprint {
  const hashes = new Uint8Array(leafCount * leafHashBytes)
  const isDirty = new Uint8Array(leafCount).fill(1)
  let dirty = leafCount
  let running: Promise<Uint8Array> | undefined

  async function bringUpToDate(): Promise<Uint8Array> {
    let sinceMs = performance.now()
    for (let leaf = 0; dirty > 0; leaf = (leaf + 1) % leafCount) {
      if (isDirty[leaf] === 0) continue
      isDirty[leaf] = 0
      dirty--
      hashes.set(hashLeaf(reader.read(({ db }) => readRows(db, leaf), [])), leaf * leafHashBytes)
      if (performance.now() - sinceMs < sliceMs) continue
      await nextTurn()
      sinceMs = performance.now()
    }
    return hashes
  }

  return {
    get() {
      running ??= bringUpToDate().finally(() => {
        running = undefined
      })
      return running
    },
    touch(leaves) {
      for (const leaf of leaves) {
        if (isDirty[leaf] !== 0) continue
        isDirty[leaf] = 1
        dirty++
      }
    },
    touchAll() {
      isDirty.fill(1)
      dirty = leafCount
    },
  }
}

/** What is held of a leaf, in order. */
export function readRows(db: Connection, leaf: number): readonly RecordRow[] {
  const rows = leafStatements(db)?.rows.all(...registersOf(leaf)) ?? []
  return rows
    .map(([register, wallMs, counter, origin, signature]) => ({
      register: registerText(register),
      wallMs,
      counter,
      origin,
      mark: markOf({ signature }),
    }))
    .sort(compareRows)
}
