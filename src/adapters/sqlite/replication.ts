import type { SignedRecord } from '../../ledger/record.ts'
import { believeUntil, type TrustedTime } from '../../ledger/trusted-time.ts'
import { formatTag, type TagReference } from '../../oci/reference.ts'
import type { RecordOutcome } from '../../ports/record-store.ts'
import { checkRecord } from './apply-records.ts'
import { packRecords } from './pack-records.ts'
import type { Reader } from './reader.ts'
import { createSignedWords, type SignedWords } from './signed-words.ts'
import { type WordKind, wordKinds } from './words.ts'
import type { JobResult, OperatorWord } from './writer-protocol.ts'
import type { WriterThread } from './writer-thread.ts'

/** The ledger's side of other nodes' records. */
export interface Replication extends SignedWords {
  /** This node's public key, hex. */
  readonly origin: string
  /**
   * Takes other nodes' records in, in one transaction, and says in their order what became of each. Bytes that are no record change
   * nothing. Rejects with `ledger-unusable`.
   */
  applyRecords(records: readonly SignedRecord[]): Promise<readonly RecordOutcome[]>
  /** Whether an observation would be answered with if it were the newest: signed, of its time, of nobody banned, with nothing blocked. */
  isCredible(record: SignedRecord): boolean
  /** Whose operators' words count from now on, by origin; everybody's when `undefined`. */
  setOperators(origins: readonly string[] | undefined): void
  /** Takes from the quarantine what is no longer ahead of trusted time. */
  releaseQuarantine(): Promise<void>
  /** Signs and writes an operator's word (a ban, a block, a keep …), durable as a pin is; also what this node says of itself: its share of a job, what its pods run. */
  say(word: OperatorWord): Promise<void>
  /** The records of a tag's registers as they are relayed, newest first within a kind. */
  recordsOf(key: TagReference): readonly SignedRecord[]
  /** Whether a node's word does not count, by its public key. */
  isBanned(origin: string): boolean
  /** Calls back after a ban or a block was set or lifted. */
  onExclusions(listener: () => void): () => void
  /** Calls back after what is said of a kind changed, be it by a ban. */
  onWords(kind: WordKind, listener: () => void): () => void
}

/** Replication over the ledger's writer. `onChanged` is told the keys that others' records changed. */
export function createReplication(parts: {
  readonly reader: Reader
  readonly writer: WriterThread
  readonly time: TrustedTime
  readonly origin: string
  readonly clusterId: string
  readonly onChanged: (keys: readonly string[]) => void
  readonly onBeaten: (keys: readonly string[]) => void
}): Replication {
  const { reader, writer, time, origin, clusterId } = parts
  const listeners = new Set<() => void>()
  const wordListeners = new Map(wordKinds.map(kind => [kind, new Set<() => void>()]))
  let operators: readonly string[] | undefined

  const applyTime = () => ({ atMs: time.nowMs(), believeUntilMs: believeUntil(time), operators })

  function tell(result: JobResult): JobResult {
    if (result.exclusionsChanged) {
      reader.exclusions.reload()
      for (const listener of listeners) listener()
    }
    const kinds = result.exclusionsChanged ? wordKinds : result.wordsChanged
    reader.words.reload(kinds)
    for (const listener of kinds.flatMap(kind => [...(wordListeners.get(kind) ?? [])])) listener()
    parts.onChanged(result.changed)
    parts.onBeaten(result.beaten)
    return result
  }

  return {
    origin,
    async applyRecords(signed) {
      const records = packRecords(signed)
      return tell(await writer.submit({ type: 'apply', records, time: applyTime() })).outcomes
    },
    isCredible(signed) {
      const record = checkRecord(signed, clusterId)
      if (typeof record === 'string' || record.kind !== 'observation') return false
      const { isBanned, isBlocked } = reader.exclusions
      const isOfItsTime = record.stamp.wallMs <= believeUntil(time)
      const isSeen = record.target !== undefined && !isBlocked(record.target.digest)
      return isOfItsTime && isSeen && !isBanned(record.origin)
    },
    setOperators(origins) {
      operators = origins
    },
    async releaseQuarantine() {
      tell(await writer.submit({ type: 'release', time: applyTime() }))
    },
    async say(word) {
      tell(await writer.submit({ type: 'operator', word, atMs: time.nowMs() }))
    },
    recordsOf: key =>
      reader.read(
        ({ db }) =>
          db
            .prepare<[string], SignedRecord>(
              `SELECT body, signature FROM record WHERE key = ?
               ORDER BY kind, wall_ms DESC, counter DESC, origin DESC`,
            )
            .all(formatTag(key)),
        [],
      ),
    ...createSignedWords(reader),
    isBanned: reader.exclusions.isBanned,
    onExclusions(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    onWords(kind, listener) {
      const ofKind = wordListeners.get(kind)
      ofKind?.add(listener)
      return () => void ofKind?.delete(listener)
    },
  }
}
