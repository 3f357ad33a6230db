import { type Static, Type } from 'typebox'
import { origin } from './answers.ts'
import { changed, storedOn } from './operator-words.ts'

const text = Type.Optional(Type.Union([Type.String(), Type.Null()]))
const number = Type.Number()
const blob = { digest: Type.String(), size: number }

/** `GET /api/v1/nodes` */
export const nodesAnswer = Type.Object({
  ...origin,
  items: Type.Array(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      self: Type.Boolean(),
      state: Type.String(),
    }),
  ),
})

/** `GET /api/v1/nodes/{name}/diagnostics` */
export const diagnosticsAnswer = Type.Object({
  node: Type.String(),
  asOf: Type.String(),
  parts: Type.Array(
    Type.Object({
      name: Type.String(),
      what: Type.String(),
      json: Type.Optional(Type.Unknown()),
      text,
      error: text,
    }),
  ),
})

/** `GET /api/v1/nodes/{name}/store` */
export const storeAnswer = Type.Object({
  node: Type.String(),
  kind: Type.String(),
  dir: Type.String(),
  blobs: number,
  blobBytes: number,
  partialBytes: number,
  quotaBytes: number,
  minFreeBytes: number,
  freeBytes: number,
  totalBytes: number,
  capacityBytes: number,
  protectedBytes: number,
  droppableBytes: number,
  full: Type.Boolean(),
  unusable: Type.Boolean(),
  quarantine: Type.Object({ blobs: number, bytes: number }),
  containerd: Type.Optional(
    Type.Object({ state: Type.String(), blobs: number, blobBytes: number }),
  ),
})

/** `POST /api/v1/nodes/{name}/store/gc` */
export const gcAnswer = Type.Object({
  node: Type.String(),
  dryRun: Type.Boolean(),
  dropped: number,
  bytes: number,
  protectedBytes: number,
  items: Type.Array(
    Type.Object({
      ...blob,
      kind: Type.String(),
      reason: Type.String(),
      lastUsedAt: Type.String(),
    }),
  ),
})

/** `GET` and `POST /api/v1/nodes/{name}/store/scrub` */
export const scrubAnswer = Type.Object({
  node: Type.String(),
  running: Type.Boolean(),
  pass: Type.Optional(
    Type.Object({
      startedAt: Type.String(),
      endedAt: text,
      blobs: number,
      bytes: number,
      doneBlobs: number,
      doneBytes: number,
    }),
  ),
  damaged: number,
  unreadable: number,
  findings: Type.Array(Type.Object({ ...blob, verdict: Type.String(), at: Type.String() })),
  quarantine: Type.Array(Type.Object(blob)),
})

const set = { by: Type.String(), at: Type.String(), until: text }
const clusterMode = Type.Optional(
  Type.Object({
    mode: Type.String(),
    ...set,
    setOn: Type.String(),
    setOnName: text,
    note: text,
    version: text,
  }),
)

/** `GET`, `PUT` and `DELETE /api/v1/nodes/{name}/mode` */
export const modeAnswer = Type.Object({
  node: Type.String(),
  mode: Type.String(),
  decidedBy: Type.String(),
  configured: Type.String(),
  set: Type.Optional(Type.Object(set)),
  cluster: clusterMode,
})

/** `GET /api/v1/mode` */
export const clusterModeAnswer = Type.Object({
  node: Type.String(),
  cluster: clusterMode,
  here: Type.Object({ mode: Type.String(), decidedBy: Type.String() }),
})

/** `PUT` and `DELETE /api/v1/mode` */
export const clusterModeChangeAnswer = Type.Object({
  ...clusterModeAnswer.properties,
  changed,
  before: clusterMode,
  storedOn,
})

/** `GET` and `PUT /api/v1/nodes/{name}/log-level` */
export const logLevelAnswer = Type.Object({
  node: Type.String(),
  level: Type.String(),
  configured: Type.String(),
  until: text,
})

/** `GET /api/v1/nodes/{name}/config` */
export const configAnswer = Type.Object({
  node: Type.String(),
  config: Type.Record(Type.String(), Type.Unknown()),
  changed: Type.Array(
    Type.Object({
      key: Type.String(),
      configured: Type.String(),
      inForce: Type.String(),
      by: text,
    }),
  ),
})

export type DiagnosticsAnswer = Static<typeof diagnosticsAnswer>
export type StoreAnswer = Static<typeof storeAnswer>
export type GcAnswer = Static<typeof gcAnswer>
export type ScrubAnswer = Static<typeof scrubAnswer>
export type ClusterModeChangeAnswer = Static<typeof clusterModeChangeAnswer>
export type ClusterModeAnswer = Static<typeof clusterModeAnswer>
export type ModeAnswer = Static<typeof modeAnswer>
export type LogLevelAnswer = Static<typeof logLevelAnswer>
export type ConfigAnswer = Static<typeof configAnswer>
