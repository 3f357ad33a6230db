import { type Static, Type } from 'typebox'
import { asOf, described, limit, optionalText, reference, text, time } from './shapes.ts'

/** Shapes of the admin API's questions and answers. */

/** `GET /api/v1/resolve` */
export const resolveQuery = Type.Object({
  ref: reference,
  explain: described(Type.Boolean({ default: false }), 'Tell each rung of the ladder.'),
})

/** What a tag resolves to now. `steps` only where an explanation is asked for. */
export const resolution = Type.Object({
  found: Type.Boolean(),
  digest: optionalText,
  mediaType: optionalText,
  size: Type.Optional(Type.Integer()),
  source: described(optionalText, 'As in the header `Holdfast-Source`.'),
  fresh: described(Type.Optional(Type.Boolean()), 'Its owner said so just now.'),
  confirmedAt: Type.Optional(time),
  ageSeconds: Type.Optional(Type.Number()),
  reason: text,
  failure: described(optionalText, 'The class of the failure that stands behind it.'),
  saidBy: described(optionalText, 'Public key (hex) of the node that saw it.'),
  saidByName: optionalText,
  steps: described(
    Type.Optional(Type.Array(Type.Object({ rung: text, outcome: text }))),
    'Only where an explanation is asked for.',
  ),
})

export const resolveAnswer = Type.Object({ ...asOf, reference: text, ...resolution.properties })

/** `GET /api/v1/resolutions`: answers this node gave. With `at`, those in force at or before that time. */
export const resolutionsQuery = Type.Object({
  ref: optionalText,
  at: described(Type.Optional(time), 'Those in force at or before that time.'),
  limit: limit(1_000, 20),
})

/** An answer that was given; equal ones in a row are one. */
export const given = Type.Object({
  reference: text,
  digest: optionalText,
  source: text,
  reason: text,
  saidBy: optionalText,
  saidByName: optionalText,
  firstAt: time,
  lastAt: time,
  count: described(Type.Integer(), 'Equal answers in a row are one.'),
})

/** Newest first. */
export const resolutionsAnswer = Type.Object({ ...asOf, items: Type.Array(given) })

/**
 * What the pods of a node run. `state`: `off` where keep.running is, `looking` before the first look, `seen`, or `unseen` with the `failure`;
 * `running` and `ended` count containers, and images of all of them are kept.
 */
const pods = Type.Object({
  state: text,
  failure: optionalText,
  running: Type.Integer(),
  ended: Type.Integer(),
})

/** `GET /api/v1/status` */
export const statusAnswer = Type.Object({
  ...asOf,
  version: text,
  mode: text,
  modeDecidedBy: described(
    text,
    '`node`: an operator set it for this node, `cluster`: for all nodes, or `configuration`.',
  ),
  uptimeSeconds: Type.Number(),
  ready: Type.Boolean(),
  degraded: Type.Array(Type.Object({ reason: text, detail: text })),
  endpoints: Type.Array(
    Type.Object({
      registry: text,
      url: text,
      state: described(
        text,
        '`closed`: it is asked; `open`: it is known to be down, and asked in the background alone; `half-open`: it is being asked so.',
      ),
      answered: described(Type.Boolean(), 'It spoke as a registry does since the start.'),
      downSince: described(Type.Optional(time), 'Since when it is known to be down.'),
      openRepositories: Type.Integer(),
      lastFailure: optionalText,
      lastFailureAt: Type.Optional(time),
    }),
  ),
  ledger: Type.Object({
    observations: Type.Integer(),
    pins: Type.Integer(),
    writable: Type.Boolean(),
    clockVerified: Type.Boolean(),
    clockOffsetMs: Type.Number(),
  }),
  store: Type.Object({
    blobs: Type.Integer(),
    blobBytes: Type.Integer(),
    partialBytes: Type.Integer(),
    freeBytes: Type.Integer(),
    totalBytes: Type.Integer(),
  }),
  containerd: Type.Optional(
    Type.Object({
      socket: text,
      state: text,
      since: time,
      failure: optionalText,
      version: optionalText,
      reads: optionalText,
      blobs: Type.Integer(),
      blobBytes: Type.Integer(),
      images: Type.Integer(),
    }),
  ),
  pods,
  mesh: Type.Object({
    enabled: Type.Boolean(),
    members: Type.Integer(),
    alive: Type.Integer(),
    neighbours: Type.Integer(),
    alarms: Type.Array(text),
  }),
})

const node = {
  id: text,
  name: text,
  zone: optionalText,
  platforms: Type.Array(text),
  peerAddresses: Type.Array(text),
  meshAddresses: Type.Array(text),
  version: text,
  protocols: Type.Object({ lowest: Type.Integer(), highest: Type.Integer() }),
  ledgerRoot: text,
  records: Type.Integer(),
  upstreams: Type.Array(text),
  clockSource: optionalText,
  keyId: text,
  acceptedKeyIds: Type.Optional(Type.Array(text)),
  roomBytes: Type.Integer(),
}

/** `GET /api/v1/peers`: the mesh as this node sees it. Without a mesh only `enabled` is told. */
export const peersAnswer = Type.Object({
  ...asOf,
  enabled: Type.Boolean(),
  self: Type.Optional(Type.Object({ ...node, neighbours: Type.Integer() })),
  members: Type.Array(
    Type.Object({
      ...node,
      state: text,
      isCompatible: Type.Boolean(),
      isNeighbour: Type.Boolean(),
      isLedgerEqual: Type.Boolean(),
      lastSeenAgoMs: Type.Number(),
      roundTripMs: Type.Optional(Type.Number()),
      clockSkewMs: Type.Optional(Type.Number()),
    }),
  ),
  alarms: Type.Array(
    Type.Object({
      code: text,
      nodes: Type.Array(Type.Object({ id: text, name: text })),
      detail: optionalText,
    }),
  ),
  dials: Type.Optional(
    Type.Array(
      Type.Object({
        address: text,
        seed: Type.Boolean(),
        result: text,
        detail: text,
        agoMs: Type.Optional(Type.Number()),
      }),
    ),
  ),
  sync: Type.Optional(
    Type.Object({
      root: text,
      isRootCurrent: described(
        Type.Boolean(),
        'No record came since the root was computed: then equal roots mean equal ledgers.',
      ),
      records: Type.Integer(),
      isBehind: Type.Boolean(),
      snapshotShare: Type.Optional(Type.Number()),
      rounds: Type.Integer(),
      convergedAgoMs: Type.Optional(Type.Number()),
      refused: Type.Integer(),
    }),
  ),
  indexEntries: Type.Optional(Type.Integer()),
})

/** `POST /api/v1/import`. `name`: the repository of images that have a tag alone. */
export const importQuery = Type.Object({
  name: described(Type.Optional(reference), 'The repository of images that have a tag alone.'),
})

/** What an archive brought. `complete`: this node's clients can run it. */
export const importAnswer = Type.Object({
  ...asOf,
  images: Type.Array(
    Type.Object({
      reference: optionalText,
      digest: text,
      platforms: Type.Array(text),
      complete: described(Type.Boolean(), "This node's clients can run it."),
    }),
  ),
  addedBytes: Type.Integer(),
  warnings: Type.Array(text),
})

/** `GET /api/v1/export` and `POST`; `ref` and `platform` may repeat. `since`: what the file of the earlier bundle is called. */
export const exportQuery = Type.Object({
  ref: Type.Array(reference, { maxItems: 10_000 }),
  platform: Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100 }),
  pinned: Type.Boolean({ default: false }),
  self: described(
    Type.Boolean({ default: false }),
    'The image that the node runs from, too (`node.image`).',
  ),
  referrers: Type.Boolean({ default: false }),
  since: described(
    Type.String({ maxLength: 255, default: 'the earlier bundle' }),
    'What the file of the earlier bundle is called.',
  ),
})

export type Given = Static<typeof given>
export type Resolution = Static<typeof resolution>
export type ResolveQuery = Static<typeof resolveQuery>
export type ResolveAnswer = Static<typeof resolveAnswer>
export type ResolutionsQuery = Static<typeof resolutionsQuery>
export type ResolutionsAnswer = Static<typeof resolutionsAnswer>
export type ImportAnswer = Static<typeof importAnswer>
export type PeersAnswer = Static<typeof peersAnswer>
export type StatusAnswer = Static<typeof statusAnswer>
