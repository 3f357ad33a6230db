import { type Static, Type } from 'typebox'
import { asOf, described, optionalText, text, time } from './shapes.ts'

const count = Type.Integer()
const blob = { digest: text, size: count }

/** `GET /api/v1/nodes`: every node that this one knows, itself first. */
export const nodesAnswer = Type.Object({
  ...asOf,
  items: Type.Array(
    Type.Object({
      id: text,
      name: text,
      version: described(text, 'Of another node as it said last.'),
      zone: optionalText,
      self: described(Type.Boolean(), 'It is the node that answers.'),
      state: described(
        text,
        '`alive`, `suspect`: did not answer a moment ago, `gone`, or `banned`.',
      ),
      lastSeenAgoMs: count,
    }),
  ),
})

/** `GET …/store`: how the room of a node's store is taken. All bytes, but `blobs`. */
export const storeAnswer = Type.Object({
  ...asOf,
  kind: text,
  dir: text,
  blobs: count,
  blobBytes: count,
  partialBytes: count,
  quotaBytes: count,
  minFreeBytes: count,
  freeBytes: count,
  totalBytes: count,
  capacityBytes: described(
    count,
    'What the store may take now: less than its quota when others fill the disk.',
  ),
  protectedBytes: described(
    count,
    'What may not be dropped now, and what would be if its room were needed.',
  ),
  droppableBytes: count,
  full: described(Type.Boolean(), 'New content is passed on and not stored.'),
  unusable: described(Type.Boolean(), 'The last write failed, and not for want of room.'),
  quarantine: Type.Object({ blobs: count, bytes: count }),
  containerd: Type.Optional(Type.Object({ state: text, blobs: count, blobBytes: count })),
})

/** `POST …/store/gc`. `dryRun` is what `GET` is. */
export const gcBody = Type.Object(
  { dryRun: Type.Boolean({ default: false }) },
  { additionalProperties: false },
)

/** `GET` and `POST …/store/gc`: what was dropped or, with `dryRun`, would be. `items`: the first thousand of `dropped`. */
export const gcAnswer = Type.Object({
  ...asOf,
  dryRun: Type.Boolean(),
  dropped: count,
  bytes: count,
  protectedBytes: count,
  items: Type.Array(
    Type.Object({
      ...blob,
      kind: described(text, '`blob`, or `partial` for what an interrupted download left.'),
      reason: described(text, '`unused`: nobody used it for too long; `room`: its room is needed.'),
      lastUsedAt: time,
    }),
  ),
})

/** `GET …/store/scrub` and `POST`: how far it is, and what it found since the node started. */
export const scrubAnswer = Type.Object({
  ...asOf,
  running: Type.Boolean(),
  /** The pass under way or else the last one; absent: none since the start. */
  pass: Type.Optional(
    Type.Object({
      startedAt: time,
      endedAt: Type.Optional(time),
      blobs: count,
      bytes: count,
      doneBlobs: count,
      doneBytes: count,
    }),
  ),
  damaged: count,
  unreadable: count,
  findings: described(
    Type.Array(Type.Object({ ...blob, verdict: text, at: time })),
    'The last hundred, newest first. `verdict`: `damaged` or `unreadable`.',
  ),
  quarantine: described(
    Type.Array(Type.Object(blob)),
    'Damaged blobs that were put aside, also by earlier runs, the oldest first.',
  ),
})

/** The longest that a log level may be set for, s: three weeks. */
const longestLevelSeconds = 21 * 86_400

const level = Type.Enum(['debug', 'info', 'warn', 'error'])

/** `PUT …/log-level`. Without `forSeconds` until it is set anew; a restart brings back what is configured. */
export const logLevelBody = Type.Object(
  {
    level,
    forSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: longestLevelSeconds })),
  },
  { additionalProperties: false },
)

/** `GET` and `PUT …/log-level` */
export const logLevelAnswer = Type.Object({
  ...asOf,
  level,
  configured: level,
  until: Type.Optional(time),
})

/** `GET …/config`: every key in force, secrets masked. `changed`: what an operator set above the configuration. */
export const configAnswer = Type.Object({
  ...asOf,
  config: Type.Record(Type.String(), Type.Unknown()),
  changed: Type.Array(
    Type.Object({ key: text, configured: text, inForce: text, by: optionalText }),
  ),
})

export type NodesAnswer = Static<typeof nodesAnswer>
export type StoreAnswer = Static<typeof storeAnswer>
export type GcAnswer = Static<typeof gcAnswer>
export type ScrubAnswer = Static<typeof scrubAnswer>
export type LogLevelAnswer = Static<typeof logLevelAnswer>
export type ConfigAnswer = Static<typeof configAnswer>
