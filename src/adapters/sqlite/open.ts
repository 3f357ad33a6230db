import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { defaultRetentionDays } from '../../ledger/horizon.ts'
import type { AuditLog } from '../../ports/audit-log.ts'
import type { AwaitedImages } from '../../ports/awaited-images.ts'
import type { BlockedAnswers } from '../../ports/blocked-answers.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ClusterTime } from '../../ports/cluster-time.ts'
import type { ContentCatalog } from '../../ports/content-catalog.ts'
import type { DropMemory } from '../../ports/drop-memory.ts'
import type { ExclusionBook } from '../../ports/exclusion-book.ts'
import type { KeepBook } from '../../ports/keep-book.ts'
import type { LeaseStore } from '../../ports/lease-store.ts'
import type { Log } from '../../ports/log.ts'
import type { MemberStore } from '../../ports/member-store.ts'
import type { NodeSignature } from '../../ports/node-signature.ts'
import type { PinBook } from '../../ports/pin-book.ts'
import type { PodMemory } from '../../ports/pod-memory.ts'
import type { RecordStore } from '../../ports/record-store.ts'
import type { ResolutionLog } from '../../ports/resolution-log.ts'
import type { TagLedger } from '../../ports/tag-ledger.ts'
import type { WordBook } from '../../ports/word-book.ts'
import { createAuditLog } from './audit-log.ts'
import { createAwaitedImages } from './awaited-images.ts'
import { createContentCatalog } from './content-catalog.ts'
import { createDropMemory } from './drop-memory.ts'
import { createDurableSettings } from './durable-settings.ts'
import { createExclusionBook } from './exclusion-book.ts'
import { createNodeSignature, type Identity, openIdentity } from './identity.ts'
import { createKeepBook } from './keep-book.ts'
import { createLeaseStore } from './lease-store.ts'
import type { Machine } from './machine-binding.ts'
import { createMemberStore } from './member-store.ts'
import { createPodMemory } from './pod-memory.ts'
import { createReader, type Reader } from './reader.ts'
import { createRecordStore, type SqliteRecordStore } from './record-store.ts'
import type { Recovered } from './recover.ts'
import { createReplication, type Replication } from './replication.ts'
import { createResolutionLog } from './resolution-log.ts'
import { createSnapshots } from './schedule-snapshots.ts'
import { createSettings, type Settings } from './settings.ts'
import { createStoredTime } from './stored-time.ts'
import { createTagLedger } from './tag-ledger.ts'
import { createWordBook, type WordKind } from './words.ts'
import { startWriter } from './writer-thread.ts'

/** Everything that is kept in the node's database. */
export interface OpenedLedger {
  readonly ledger: TagLedger
  readonly catalog: ContentCatalog
  readonly resolutions: ResolutionLog
  readonly settings: Pick<Settings, 'get' | 'set'>
  readonly replication: Replication
  /** What other nodes are told of and what they tell. */
  readonly records: RecordStore
  readonly members: MemberStore
  readonly leases: LeaseStore
  readonly dropped: DropMemory
  readonly awaited: AwaitedImages
  readonly pods: PodMemory
  readonly audit: AuditLog
  readonly pins: PinBook
  readonly blockedAnswers: BlockedAnswers
  readonly exclusions: ExclusionBook
  readonly keeps: KeepBook
  /** Warm jobs, by their ids. */
  readonly warmWords: WordBook
  /** What nodes say of their shares of warm jobs, by `job/node`; a node may say it of its own alone. */
  readonly shareWords: WordBook
  /** What nodes say their pods run, by node; a node may say it of its own alone. */
  readonly runningWords: WordBook
  /** Settings of the whole cluster, by their names. */
  readonly settingWords: WordBook
  /** What an operator set for this node, beside the database. */
  readonly durable: Pick<Settings, 'get' | 'set'>
  readonly time: ClusterTime
  readonly identity: Identity
  readonly signature: NodeSignature
  readonly recovered: Recovered
  /** Takes a snapshot now when anything changed since the last one; says whether it did. Runs hourly by itself. */
  snapshot(): Promise<boolean>
  /** Writes what waits and closes the database. */
  close(): Promise<void>
}

/**
 * Opens (at the first start: creates) the ledger in `dataDir`: `ledger.db`, `pins.journal`, `snapshots/` and `node.key`. A database
 * that cannot be used is moved aside and rebuilt; one that cannot be written is read. Rejects with `ledger-newer` for a database of a
 * later version that ours must not touch.
 */
export async function openLedger(options: {
  readonly dataDir: string
  readonly log: Log
  readonly clock: Clock
  /** What nobody used for so long is forgotten; 90 when absent. */
  readonly retentionDays?: number | undefined
  /** Signed into every record; '' outside of a mesh. */
  readonly clusterId?: string | undefined
  /** Which machine this is. */
  readonly machine?: Machine | undefined
  /** Bounds the database, in pages of 4096 bytes, as a full disk would. For tests. */
  readonly maxPages?: number | undefined
}): Promise<OpenedLedger> {
  const { dataDir, log, clock } = options
  makeDirectory(dataDir, log)
  const file = join(dataDir, 'ledger.db')
  const identity = openIdentity(dataDir, log, clock.wallMs(), options.machine)
  const { origin, privateKey } = identity
  const existed = existsSync(file)
  let reader: Reader | undefined
  let store: SqliteRecordStore | undefined
  const { writer, recovered } = await startWriter(
    {
      file,
      journalFile: join(dataDir, 'pins.journal'),
      privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      origin,
      clusterId: options.clusterId ?? '',
      maxPages: options.maxPages,
    },
    {
      log,
      onOpened() {
        reader?.reopen()
        store?.reopened()
      },
      onCommitted: committed => store?.committed(committed),
    },
  )
  reader = createReader(file, { log, onDamage: writer.reportDamage })
  const opened = reader
  const settings = createSettings({ reader, writer })
  const stored = createStoredTime(settings, { clock, log })
  const { time } = stored
  const ledger = createTagLedger(
    { reader, writer, time, clock, origin, log, onTimeLearned: () => void stored.keep() },
    { retentionDays: options.retentionDays ?? defaultRetentionDays },
  )
  const { changed, reaffirm, learnFromPeers, pins, blockedAnswers, ...port } = ledger
  const replication = createReplication({
    reader,
    writer,
    time,
    origin,
    clusterId: options.clusterId ?? '',
    onChanged: changed,
    onBeaten: keys => records.beaten(keys),
  })
  const wordsOf = (kind: WordKind) => createWordBook(kind, { reader, replication })
  const records = createRecordStore({ reader, apply: replication.applyRecords, reaffirm })
  store = records
  const catalog = createContentCatalog({ reader, writer, log })
  const resolutions = createResolutionLog({ reader, writer, log })
  const snapshots = createSnapshots({ reader, writer, log })

  async function close(): Promise<void> {
    snapshots.close()
    await Promise.all([catalog.close(), resolutions.close(), stored.keep(true)])
    // First the reader: who closes last copies the log into the database.
    opened.close()
    await writer.close()
  }
  let closing: Promise<void> | undefined

  return {
    ledger: { ...port, onExclusions: replication.onExclusions },
    catalog,
    resolutions,
    settings,
    replication,
    records,
    members: createMemberStore({ reader, writer, settings }),
    leases: createLeaseStore({ reader, writer }),
    dropped: createDropMemory({ reader, writer }),
    awaited: createAwaitedImages({ reader, writer }),
    pods: createPodMemory({ reader, writer }),
    audit: createAuditLog({ reader, writer }),
    pins,
    blockedAnswers,
    exclusions: createExclusionBook({ reader, say: replication.say }),
    keeps: createKeepBook(wordsOf('keep')),
    warmWords: wordsOf('warm'),
    shareWords: wordsOf('share'),
    runningWords: wordsOf('running'),
    settingWords: wordsOf('setting'),
    durable: createDurableSettings(join(dataDir, 'node-settings.json'), log),
    time: { nowMs: time.nowMs, source: time.source, learnFromPeers },
    identity,
    signature: createNodeSignature(identity),
    recovered: recovered ?? (existed ? 'ok' : 'fresh'),
    snapshot: snapshots.take,
    close() {
      closing ??= close()
      return closing
    },
  }
}

function makeDirectory(dataDir: string, log: Log): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  } catch (err) {
    log.error({ dataDir, err }, 'data directory cannot be made')
  }
}
