import { type Static, Type } from 'typebox'
import { asOf, before, changed, described, optionalText, storedOn, text, time } from './shapes.ts'

/** Whether registries are asked. */
export const mode = Type.Enum(['auto', 'offline', 'online'])

/** The longest that a mode may be set for, s: a year. */
const longestSeconds = 366 * 86_400

const wish = {
  mode,
  forSeconds: described(
    Type.Optional(Type.Integer({ minimum: 1, maximum: longestSeconds })),
    'How long; absent: until it is set anew.',
  ),
}

/** `PUT …/nodes/{name}/mode` */
export const modeBody = Type.Object(wish, { additionalProperties: false })

/** `PUT /api/v1/mode` */
export const clusterModeBody = Type.Object(
  {
    ...wish,
    note: Type.Optional(Type.String({ maxLength: 1_000 })),
    author: Type.Optional(Type.String({ maxLength: 100 })),
  },
  { additionalProperties: false },
)

const set = { by: text, at: time, until: Type.Optional(time) }

const ofCluster = Type.Object({
  mode,
  ...set,
  setOn: described(text, 'Public key (hex) of the node on which it was set.'),
  setOnName: optionalText,
  note: optionalText,
  version: described(optionalText, 'As in `ETag`; `If-Match` takes it.'),
})

const decidedBy = described(
  Type.Enum(['node', 'cluster', 'configuration']),
  'Whose word is in force: that for the node is above that for all nodes, and that above the configuration.',
)

/** `GET`, `PUT` and `DELETE …/nodes/{name}/mode` */
export const modeAnswer = Type.Object({
  ...asOf,
  mode,
  decidedBy,
  configured: mode,
  set: described(Type.Optional(Type.Object(set)), 'Who set it for this node; absent: nobody.'),
  cluster: described(Type.Optional(ofCluster), 'What is set for all nodes; absent: nothing.'),
})

/** `GET /api/v1/mode` */
export const clusterModeAnswer = Type.Object({
  ...asOf,
  cluster: described(Type.Optional(ofCluster), 'What is set for all nodes; absent: nothing.'),
  here: described(Type.Object({ mode, decidedBy }), 'What is in force on the node that answers.'),
})

/** `PUT` and `DELETE /api/v1/mode` */
export const clusterModeChangeAnswer = Type.Object({
  ...clusterModeAnswer.properties,
  changed,
  before: before(ofCluster.properties),
  storedOn,
})

export type ModeAnswer = Static<typeof modeAnswer>
export type ClusterModeAnswer = Static<typeof clusterModeAnswer>
export type ClusterModeChangeAnswer = Static<typeof clusterModeChangeAnswer>
