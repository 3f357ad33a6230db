import { type Static, type TSchema, Type } from 'typebox'

/** What the node may leave out. */
export const orNothing = <S extends TSchema>(schema: S) =>
  Type.Optional(Type.Union([schema, Type.Null()]))
export const text = orNothing(Type.String())

/** Which node an answer is of, and the time, ISO 8601. */
export const origin = { node: Type.String(), asOf: Type.String() }

/** What a tag resolves to. */
export const resolution = {
  found: Type.Boolean(),
  digest: text,
  mediaType: text,
  /** Bytes of the manifest. */
  size: orNothing(Type.Number()),
  source: text,
  fresh: orNothing(Type.Boolean()),
  /** ISO 8601. */
  confirmedAt: text,
  ageSeconds: orNothing(Type.Number()),
  reason: Type.String(),
  failure: text,
  saidBy: text,
  /** Of the node that it is, where it is known. */
  saidByName: text,
  steps: orNothing(Type.Array(Type.Object({ rung: Type.String(), outcome: Type.String() }))),
}

/** `GET /api/v1/resolve` */
export const resolveAnswer = Type.Object({ reference: Type.String(), ...resolution })

/** An answer that was given. */
export const given = Type.Object({
  reference: Type.String(),
  digest: text,
  source: Type.String(),
  reason: Type.String(),
  saidBy: text,
  saidByName: text,
  firstAt: Type.String(),
  lastAt: Type.String(),
  count: Type.Number(),
})

/** `GET /api/v1/peers` */
export const peersAnswer = Type.Object({
  enabled: Type.Boolean(),
  self: orNothing(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      version: Type.String(),
      keyId: Type.String(),
      acceptedKeyIds: orNothing(Type.Array(Type.String())),
      neighbours: Type.Number(),
    }),
  ),
  members: Type.Array(
    Type.Object({
      id: Type.String(),
      name: Type.String(),
      zone: text,
      state: Type.String(),
      version: Type.String(),
      peerAddresses: Type.Array(Type.String()),
      upstreams: Type.Array(Type.String()),
      isLedgerEqual: Type.Boolean(),
      lastSeenAgoMs: Type.Number(),
      roundTripMs: orNothing(Type.Number()),
      clockSkewMs: orNothing(Type.Number()),
      keyId: Type.String(),
      acceptedKeyIds: orNothing(Type.Array(Type.String())),
    }),
  ),
  alarms: Type.Array(
    Type.Object({
      code: Type.String(),
      nodes: Type.Array(Type.Object({ id: Type.String(), name: Type.String() })),
      detail: text,
    }),
  ),
  dials: orNothing(
    Type.Array(
      Type.Object({
        address: Type.String(),
        seed: Type.Boolean(),
        result: Type.String(),
        detail: Type.String(),
        agoMs: orNothing(Type.Number()),
      }),
    ),
  ),
  sync: orNothing(
    Type.Object({
      records: Type.Number(),
      isBehind: Type.Boolean(),
      snapshotShare: orNothing(Type.Number()),
      convergedAgoMs: orNothing(Type.Number()),
      refused: Type.Number(),
    }),
  ),
})

/** `POST /api/v1/import` */
export const importAnswer = Type.Object({
  images: Type.Array(
    Type.Object({
      reference: text,
      digest: Type.String(),
      platforms: Type.Array(Type.String()),
      complete: Type.Boolean(),
    }),
  ),
  addedBytes: Type.Number(),
  warnings: Type.Array(Type.String()),
})

/** `GET /api/v1/audit` */
export const auditAnswer = Type.Object({
  ...origin,
  items: Type.Array(
    Type.Object({
      at: Type.String(),
      caller: Type.String(),
      operation: Type.String(),
      subject: Type.String(),
      subjectName: text,
      status: Type.Number(),
      before: Type.Optional(Type.Unknown()),
      after: Type.Optional(Type.Unknown()),
    }),
  ),
})

/** `GET /api/v1/nodes/{name}/status` */
export const statusAnswer = Type.Object({
  node: Type.String(),
  /** ISO 8601. */
  asOf: Type.String(),
  version: Type.String(),
  mode: Type.String(),
  modeDecidedBy: Type.String(),
  uptimeSeconds: Type.Number(),
  ready: Type.Boolean(),
  degraded: Type.Array(Type.Object({ reason: Type.String(), detail: Type.String() })),
  endpoints: Type.Array(
    Type.Object({
      registry: Type.String(),
      url: Type.String(),
      state: Type.String(),
      /** Absent: a node of before it was told. */
      answered: orNothing(Type.Boolean()),
      downSince: text,
      openRepositories: Type.Number(),
      lastFailure: text,
      lastFailureAt: text,
    }),
  ),
  ledger: Type.Object({
    observations: Type.Number(),
    pins: Type.Number(),
    clockVerified: Type.Boolean(),
    clockOffsetMs: Type.Number(),
  }),
  store: Type.Object({
    blobs: Type.Number(),
    blobBytes: Type.Number(),
    partialBytes: Type.Number(),
    freeBytes: Type.Number(),
    totalBytes: Type.Number(),
  }),
  containerd: orNothing(
    Type.Object({ state: Type.String(), version: text, images: Type.Number() }),
  ),
  /** Absent: a node of before it was told. */
  pods: orNothing(
    Type.Object({
      state: Type.String(),
      failure: text,
      running: Type.Number(),
      ended: Type.Number(),
    }),
  ),
  mesh: Type.Object({
    enabled: Type.Boolean(),
    members: Type.Number(),
    alive: Type.Number(),
    neighbours: Type.Number(),
  }),
})

export type StatusAnswer = Static<typeof statusAnswer>
export type ResolveAnswer = Static<typeof resolveAnswer>
export type ImportAnswer = Static<typeof importAnswer>
export type PeersAnswer = Static<typeof peersAnswer>
export type AuditAnswer = Static<typeof auditAnswer>
