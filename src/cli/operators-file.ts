import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { CommandFailure } from './command-failure.ts'

const word = Type.Optional(Type.String({ maxLength: 1_000 }))
const said = { note: word, author: word }
const excluded = Type.Array(Type.Object({ key: Type.String({ maxLength: 200 }), ...said }))

/** What operators said, as `holdfast backup` writes it: no stamps and no signatures, for whoever restores it says it anew. */
const operatorsFile = Type.Object({
  /** Version of this form. */
  holdfastBackup: Type.Literal(1),
  /** Name of the node that was asked. */
  node: Type.String(),
  /** ISO 8601. */
  at: Type.String(),
  pins: Type.Array(
    Type.Object({
      reference: Type.String({ maxLength: 1_024 }),
      digest: Type.String({ maxLength: 200 }),
      /** Of its manifest; files of before have neither. */
      mediaType: Type.Optional(Type.String({ maxLength: 200 })),
      /** Of its manifest, bytes. */
      size: Type.Optional(Type.Number()),
      /** ISO 8601; absent: never. */
      expiresAt: Type.Optional(Type.String({ maxLength: 40 })),
      ...said,
    }),
  ),
  keeps: Type.Array(Type.Object({ pattern: Type.String({ maxLength: 1_024 }), ...said })),
  blocks: excluded,
  bans: excluded,
  /** Warm jobs that recur; files of before have none. */
  schedules: Type.Optional(
    Type.Array(
      Type.Object({
        name: Type.String({ maxLength: 200 }),
        images: Type.Array(Type.String({ maxLength: 1_024 })),
        /** A cron expression, read in `timeZone`. */
        every: Type.String({ maxLength: 200 }),
        timeZone: Type.String({ maxLength: 100 }),
        jitterSeconds: Type.Number(),
        /** Names of the nodes that fetch. Absent, and no `copies`: all do. */
        nodes: Type.Optional(Type.Array(Type.String({ maxLength: 200 }))),
        /** So many nodes fetch each image. */
        copies: Type.Optional(Type.Number()),
        platforms: Type.Optional(Type.Array(Type.String({ maxLength: 100 }))),
        concurrency: Type.Optional(Type.Number()),
        referrers: Type.Boolean(),
        ...said,
      }),
    ),
  ),
  /** The mode of all nodes; absent: none was set. */
  mode: Type.Optional(
    Type.Object({
      mode: Type.String({ maxLength: 20 }),
      /** ISO 8601; absent: until it is set anew. */
      until: Type.Optional(Type.String({ maxLength: 40 })),
      ...said,
    }),
  ),
})

export type OperatorsFile = Static<typeof operatorsFile>

/** Reads such a file; `-` is standard input. Throws `CommandFailure` with `usage`. */
export async function readOperatorsFile(path: string): Promise<OperatorsFile> {
  const value = parse(path, await read(path))
  if (Value.Check(operatorsFile, value)) return value
  const [fault] = Value.Errors(operatorsFile, value)
  const where = fault === undefined ? '' : `: ${fault.instancePath || 'it'} ${fault.message}`
  throw new CommandFailure('usage', `${path} is no file of holdfast backup${where}`)
}

async function read(path: string): Promise<string> {
  try {
    return await (path === '-' ? text(process.stdin) : readFile(path, 'utf8'))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CommandFailure('usage', `${path} cannot be read: ${reason}`, cause)
  }
}

function parse(path: string, json: string): unknown {
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new CommandFailure('usage', `${path} is no JSON`, cause)
  }
}
