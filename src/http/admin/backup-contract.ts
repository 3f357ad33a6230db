import { type Static, type TProperties, Type } from 'typebox'
import { maxConcurrency, maxWarmImages } from '../../keep/warm-job.ts'
import { maxJitterMs } from '../../keep/warm-schedule.ts'
import { maxManifestBytes } from '../../oci/manifest.ts'
import { mode } from './mode-contract.ts'
import { asOf, described, reference, text, time } from './shapes.ts'

/** What a backup may have, and one that is sent back, in bytes: some fifty thousand pins. It is in memory as a whole. */
export const maxBackupBytes = 16 * 1024 * 1024

const said = {
  note: Type.Optional(Type.String({ maxLength: 1_000 })),
  author: Type.Optional(Type.String({ maxLength: 100 })),
}
const closed = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false })
const excluded = Type.Array(closed({ key: Type.String({ maxLength: 200 }), ...said }))
const name = Type.String({ maxLength: 253 })

const entries = {
  pins: Type.Array(
    closed({
      reference,
      digest: Type.String({ maxLength: 200 }),
      mediaType: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
      size: described(
        Type.Optional(Type.Integer({ minimum: 1, maximum: maxManifestBytes })),
        'Of its manifest. With `mediaType` it is what makes the pin possible where nobody has the manifest.',
      ),
      expiresAt: Type.Optional(time),
      ...said,
    }),
  ),
  keeps: Type.Array(closed({ pattern: Type.String({ minLength: 1, maxLength: 1_024 }), ...said })),
  blocks: described(excluded, '`key` is a digest.'),
  bans: described(excluded, "`key` is a node's id."),
}

const schedules = Type.Array(
  closed({
    name: Type.String({ maxLength: 200 }),
    images: Type.Array(reference, { minItems: 1, maxItems: maxWarmImages }),
    every: Type.String({ minLength: 1, maxLength: 200 }),
    timeZone: Type.String({ minLength: 1, maxLength: 100 }),
    jitterSeconds: Type.Integer({ minimum: 0, maximum: maxJitterMs / 1_000 }),
    nodes: Type.Optional(Type.Array(name, { minItems: 1, maxItems: 100 })),
    copies: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
    platforms: Type.Optional(
      Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: 16 }),
    ),
    concurrency: Type.Integer({ minimum: 1, maximum: maxConcurrency, default: 3 }),
    referrers: Type.Boolean(),
    ...said,
  }),
)

const modeOfAll = described(
  Type.Optional(closed({ mode, until: Type.Optional(time), ...said })),
  'The mode of all nodes; absent: none was set.',
)

const form = described(Type.Literal(1), 'The form of the document.')
const at = described(time, 'When it was taken.')

/**
 * `GET /api/v1/backup`: what operators said and is in force, without stamps and signatures: whoever restores it says it anew. The answer is
 * the document, and goes back as it is.
 */
export const backupAnswer = Type.Object({
  ...asOf,
  holdfastBackup: form,
  at,
  ...entries,
  schedules,
  mode: modeOfAll,
})

/** `POST /api/v1/restore`: such a document. Those of before have no schedules. */
export const restoreBody = closed({
  node: described(text, 'The node that was asked for it.'),
  asOf: Type.Optional(time),
  holdfastBackup: form,
  at,
  ...entries,
  schedules: Type.Optional(schedules),
  mode: modeOfAll,
})

/** How a backup is to be restored. */
export const restoreQuery = Type.Object({
  replace: described(
    Type.Boolean({ default: false }),
    'Also where something else was said by now: a pin to another digest or with another end, a schedule of that name, another mode.',
  ),
  dryRun: described(
    Type.Boolean({ default: false }),
    'Tell what would come of it, and say nothing.',
  ),
  from: described(
    Type.Integer({ minimum: 0, default: 0 }),
    'Pass over so many entries: the `next` of the answer before.',
  ),
})

const kind = Type.Enum(['ban', 'block', 'keep', 'pin', 'schedule', 'mode'])

/** What came of each entry, in the order in which they are said: bans and blocks before what they are against. */
export const restoreAnswer = Type.Object({
  ...asOf,
  dryRun: Type.Boolean(),
  items: Type.Array(
    Type.Object({
      kind,
      what: described(text, 'What it is of; of a pin also the digest.'),
      outcome: described(
        Type.Enum(['changed', 'would-change', 'unchanged', 'over', 'left', 'refused', 'failed']),
        '`changed`: it was said, or, in a dry run, it `would-change`. `unchanged`: it stands already. `over`: it has ended by now. ' +
          '`left`: something else stands there, and `replace` was not given. `refused`: it cannot be said here. `failed`: the log of the node tells why.',
      ),
      reason: described(Type.Optional(text), 'Of what was left, refused or has failed.'),
    }),
  ),
  next: described(
    Type.Optional(Type.Integer()),
    'The time for one answer was up before this entry: send the document again with it as `from`.',
  ),
})

export type Backup = Static<typeof backupAnswer>
export type RestoreBody = Static<typeof restoreBody>
export type RestoreAnswer = Static<typeof restoreAnswer>
export type RestoreItem = RestoreAnswer['items'][number]
