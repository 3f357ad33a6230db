import { type Static, Type } from 'typebox'
import { maxManifestBytes } from '../../oci/manifest.ts'
import {
  after,
  asOf,
  authorBody,
  before,
  changed,
  described,
  limit,
  next,
  noteBody,
  optionalText,
  saidBefore,
  storedOn,
  text,
  time,
} from './shapes.ts'

/** What was said of a pin at some time. */
const event = {
  at: time,
  setOn: described(text, 'Public key (hex) of the node on which it was set.'),
  setOnName: optionalText,
  digest: described(optionalText, 'Absent: it was removed.'),
  author: optionalText,
}

/** Of a pin: what stands for the tag now, and how it came to it. */
export const pin = {
  reference: text,
  standing: described(text, '`in-force`, `expired`, `blocked`, `removed`.'),
  digest: optionalText,
  mediaType: optionalText,
  size: Type.Optional(Type.Integer()),
  note: optionalText,
  author: optionalText,
  expiresAt: Type.Optional(time),
  setAt: time,
  setOn: described(text, 'Public key (hex) of the node on which it was set.'),
  setOnName: optionalText,
  conflict: described(
    Type.Optional(Type.Object(event)),
    'What was said of the pin by somebody who did not know of it, nor it of him. The newer word, this one, is in force everywhere.',
  ),
  version: described(text, 'As in `ETag`.'),
  completeHere: described(
    Type.Optional(Type.Boolean()),
    'This node holds all of it, for its own platforms. Where none does, clients get it only while its registry can give the rest.',
  ),
  heldOtherwise: described(
    Type.Optional(Type.Array(Type.Object({ node: text, digest: text }))),
    'Nodes whose containerd has another image under the tag: a pod with `imagePullPolicy: IfNotPresent` starts from that one there.',
  ),
}

/** `GET /api/v1/pins`. `after` is the `next` of the page before. */
export const pinsQuery = Type.Object({ after, limit: limit(1_000, 100) })

/** A page of pins in byte order; removed ones are not in it. */
export const pinsAnswer = Type.Object({
  ...asOf,
  items: Type.Array(Type.Object(pin)),
  next,
})

/** `GET /api/v1/pins/{reference}`: the pin and all that is remembered of it, newest first. */
export const pinAnswer = Type.Object({
  ...asOf,
  ...pin,
  history: Type.Array(
    Type.Object({
      ...event,
      note: optionalText,
      expiresAt: Type.Optional(time),
      conflict: described(
        Type.Boolean(),
        'It and another one were set without knowing of each other; so it is told of both.',
      ),
      conflictsWith: described(
        Type.Array(Type.Object(event)),
        'Those others, as far as they are remembered.',
      ),
    }),
  ),
})

/** `PUT` and `DELETE /api/v1/pins/{reference}`: on how many nodes it is to be stored before the answer. */
export const changeQuery = Type.Object({
  copies: described(
    Type.Integer({ minimum: 1, maximum: 100, default: 1 }),
    'On how many nodes it is to be stored before the answer.',
  ),
})

/** What to pin. `to`: a digest, `now` for what the tag resolves to, or `previous` for what it stood for before. */
export const pinBody = Type.Object(
  {
    to: described(
      Type.String({ minLength: 1, maxLength: 200, default: 'now' }),
      'A digest, `now` for what the tag resolves to, or `previous` for what it stood for before.',
    ),
    note: noteBody,
    author: authorBody,
    expiresAt: described(Type.Optional(time), 'In trusted time; absent: never.'),
    allowIncomplete: described(
      Type.Boolean({ default: false }),
      'Also a digest that nobody holds all of yet; it is fetched then. Until it is here clients get it only while its registry can give the rest.',
    ),
    allowElsewhere: described(
      Type.Boolean({ default: false }),
      'Also a digest that is known as an image of other repositories alone: nodes give it as long as one of them has it, its registry may not.',
    ),
    described: described(
      Type.Optional(
        Type.Object(
          {
            mediaType: Type.String({ minLength: 1, maxLength: 200 }),
            size: Type.Integer({ minimum: 1, maximum: maxManifestBytes }),
          },
          { additionalProperties: false },
        ),
      ),
      'What the pin said of its manifest before, as a backup has it; believed where this node does not hold the manifest: nobody is asked for it then. Goes with `allowIncomplete`.',
    ),
  },
  { additionalProperties: false },
)

/** `storedOn`: on how many nodes, of how many, it is durable. `complete`: nodes like this one can run the image now. `fetching`: what is missing is. */
export const pinChangeAnswer = Type.Object({
  ...asOf,
  ...pin,
  changed,
  before: before({
    standing: pin.standing,
    digest: text,
    ...saidBefore,
    expiresAt: Type.Optional(time),
  }),
  complete: described(Type.Boolean(), 'Nodes like this one can run the image now.'),
  fetching: described(Type.Boolean(), 'What is missing is being fetched.'),
  skipped: described(
    Type.Optional(Type.Array(text)),
    'Blocked digests that were passed over on the way back to `previous`, newest first.',
  ),
  restsOn: described(
    Type.Optional(
      Type.Object({
        source: described(text, 'Which rung gave the digest, as in `GET /api/v1/resolve`.'),
        fresh: described(Type.Boolean(), 'The registry said so just now.'),
        reason: text,
        confirmedAt: described(Type.Optional(time), 'When the registry last confirmed it.'),
      }),
    ),
    'With `to: now`: what the digest rests on that the tag was resolved to.',
  ),
  storedOn,
})

/** `DELETE /api/v1/pins/{reference}`: of a tag that was never pinned there is nothing to tell. */
export const pinRemovalAnswer = Type.Object({
  ...pinChangeAnswer.properties,
  standing: described(text, '`removed`, or `none`: it was never pinned.'),
  setAt: Type.Optional(time),
  setOn: described(optionalText, 'Public key (hex) of the node on which it was set.'),
  version: described(optionalText, 'As in `ETag`.'),
})

/** `GET /api/v1/audit` */
export const auditQuery = Type.Object({
  subject: optionalText,
  caller: described(optionalText, 'Name of a token, also of one on another node.'),
  since: described(Type.Optional(time), 'Noted then or later.'),
  until: described(Type.Optional(time), 'Noted then or earlier.'),
  before: described(Type.Optional(Type.Integer({ minimum: 1 })), 'The `next` of the page before.'),
  limit: limit(1_000, 100),
})

/** What was done through this node's admin API, newest first. */
export const auditAnswer = Type.Object({
  ...asOf,
  items: Type.Array(
    Type.Object({
      at: time,
      caller: described(text, 'The name of the token, or the socket.'),
      operation: described(text, 'The `operationId`.'),
      subject: text,
      subjectName: described(
        optionalText,
        'What the node goes by, where the subject is the id of one that is known here.',
      ),
      status: Type.Integer(),
      before: described(Type.Optional(Type.Unknown()), 'What stood there.'),
      after: described(Type.Optional(Type.Unknown()), 'What stands there since.'),
    }),
  ),
  next: Type.Optional(Type.Integer()),
})

export type PinBody = Static<typeof pinBody>
export type PinsAnswer = Static<typeof pinsAnswer>
export type PinAnswer = Static<typeof pinAnswer>
export type PinChangeAnswer = Static<typeof pinChangeAnswer>
export type PinRemovalAnswer = Static<typeof pinRemovalAnswer>
export type AuditQuery = Static<typeof auditQuery>
export type AuditAnswer = Static<typeof auditAnswer>
