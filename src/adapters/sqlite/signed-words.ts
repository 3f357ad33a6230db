import { kindNumbers } from '../../ledger/encode-record.ts'
import type { SignedRecord } from '../../ledger/record.ts'
import { compareStamps, type Stamp } from '../../ledger/stamp.ts'
import type { Digest } from '../../oci/digest.ts'
import { formatTag, type TagReference } from '../../oci/reference.ts'
import type { Reader } from './reader.ts'

/** The records of tags as they are relayed, without those of nodes that are banned. */
export interface SignedWords {
  /** The record that the ledger answers a tag with: the newest of nobody who is banned, with a digest that is not blocked. */
  signedObservation(key: TagReference): SignedRecord | undefined
  /** What is said of a tag: observations of digests that are not blocked, the newest first, and the last word on its pin. */
  signedWords(key: TagReference): readonly SignedRecord[]
  /** Tags whose pin was removed, with the record that did, in byte order. */
  removedPins(): readonly RemovedPin[]
}

/** The end of a pin. */
export interface RemovedPin {
  /** `registry/repository:tag` */
  readonly key: string
  readonly signed: SignedRecord
}

interface Row extends SignedRecord, Stamp {
  readonly key: string
  readonly origin: string
  readonly digest: string
  readonly removed: number
}

const select =
  'SELECT key, origin, wall_ms AS wallMs, counter, digest, removed, body, signature FROM record'
const newestFirst = 'wall_ms DESC, counter DESC, origin DESC'
const ofTag = `${select} WHERE key = ? AND kind = ? ORDER BY ${newestFirst}`
const allPins = `${select} WHERE kind NOT IN (1, 4) AND kind = ${kindNumbers.pin} ORDER BY key, ${newestFirst}`

/** Reads what is committed. */
export function createSignedWords(reader: Reader): SignedWords {
  const { isBanned, isBlocked } = reader.exclusions

  const rowsOf = (key: TagReference, kind: number): readonly Row[] =>
    reader
      .read(({ db }) => db.prepare<[string, number], Row>(ofTag).all(formatTag(key), kind), [])
      .filter(({ origin }) => !isBanned(origin))

  function observations(key: TagReference): readonly SignedRecord[] {
    const forgotten = rowsOf(key, kindNumbers.forget)[0]
    return rowsOf(key, kindNumbers.observation)
      .filter(({ digest }) => !isBlocked(digest as Digest))
      .filter(row => forgotten === undefined || compareStamps(row, forgotten) > 0)
      .map(signedOf)
  }

  return {
    signedObservation: key => observations(key)[0],
    signedWords: key => [
      ...observations(key),
      ...rowsOf(key, kindNumbers.pin).slice(0, 1).map(signedOf),
    ],
    removedPins() {
      const rows = reader.read(({ db }) => db.prepare<[], Row>(allPins).all(), [])
      const last = new Map<string, Row>()
      for (const row of rows) {
        if (!last.has(row.key) && !isBanned(row.origin)) last.set(row.key, row)
      }
      const removed = [...last.values()].filter(row => row.removed === 1)
      return removed.map(row => ({ key: row.key, signed: signedOf(row) }))
    },
  }
}

const signedOf = ({ body, signature }: Row): SignedRecord => ({ body, signature })
