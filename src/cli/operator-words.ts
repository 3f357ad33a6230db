import { type Static, Type } from 'typebox'
import { type Digest, parseDigest } from '../oci/digest.ts'
import { orNothing, text } from './answers.ts'
import { CommandFailure } from './command-failure.ts'
import { formatSayer, properties } from './print.ts'
import type { Line } from './table.ts'

/** On how many nodes a change is durable, of how many, and how many of the others are away. */
export const storedOn = Type.Object({
  nodes: Type.Number(),
  members: Type.Number(),
  away: Type.Optional(Type.Number()),
})

type StoredOn = Readonly<Static<typeof storedOn>>

/** A digest that was written out. Throws `CommandFailure` with `usage`. */
export function readDigest(text: string): Digest {
  const digest = parseDigest(text)
  if (digest !== undefined) return digest
  throw new CommandFailure(
    'usage',
    `${JSON.stringify(text)} is no digest; write all of it, as sha256:…`,
  )
}

/** `--copies`; `undefined`: none is waited for. Throws `CommandFailure` with `usage`. */
export function readCopies(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const copies = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0
  if (copies >= 1 && copies <= 100) return copies
  throw new CommandFailure('usage', `--copies ${JSON.stringify(text)} is no number from 1 to 100`)
}

/** Whether a change was one; a node of an earlier version does not tell. */
export const changed = Type.Optional(Type.Boolean())

/** What a change took the place of; a node of an earlier version does not tell. */
export const before = orNothing(
  Type.Object({
    digest: text,
    standing: text,
    expiresAt: text,
    setAt: text,
    setOn: text,
    setOnName: text,
    note: text,
    author: text,
  }),
)

/** What a change came to. */
interface Changed {
  readonly changed?: boolean
  readonly before?: Static<typeof before>
}

/** `is kept`, and whether it was so already. */
export const isWhat = (what: string, { changed }: Changed): string =>
  changed === false ? `${what} already` : what

/** Who says what stands now, and since when where nothing was changed. */
export const saidProperties = ({
  changed,
  note,
  author,
  expiresAt,
  setAt,
  setOn,
  setOnName,
}: Pick<Changed, 'changed'> & Omit<NonNullable<Static<typeof before>>, 'digest' | 'standing'>) =>
  [
    ['note', note],
    ['author', author],
    ['until', expiresAt],
    ['since', changed === false ? setAt : undefined],
    ['said on', formatSayer(setOn, setOnName)],
  ] as const

/** What stood there before what was changed. @param more what is told besides who said it */
export function beforeLines(
  { before }: Changed,
  more: Parameters<typeof properties>[0] = [],
): readonly Line[] {
  if (before == null) return []
  const { digest, expiresAt, setAt, setOn, setOnName, note, author } = before
  const said = properties([
    ['digest', digest],
    ...more,
    ['note', note],
    ['author', author],
    ['until', expiresAt],
    ['said at', setAt],
    ['said on', formatSayer(setOn, setOnName)],
  ])
  return ['', 'until now it was', ...said]
}

/** What was to be taken away. Throws `CommandFailure` with `noAnswer` where there was nothing of it. */
export function mustHaveBeen(answer: { readonly changed?: boolean }, otherwise: string): void {
  if (answer.changed === false) throw new CommandFailure('noAnswer', otherwise)
}

/** Whether as many nodes have it as were asked for. */
export const hasEnough = (
  { storedOn }: { readonly storedOn: StoredOn },
  copies: number | undefined,
): boolean => copies === undefined || storedOn.nodes >= copies

/** Where it is stored, as a property. */
export const storedOnProperty = ({
  nodes,
  members,
  away = 0,
}: StoredOn): readonly [string, string] => [
  'stored on',
  `${nodes} of ${members} ${members === 1 ? 'node' : 'nodes'}${away === 0 ? '' : `; ${away} ${away === 1 ? 'is' : 'are'} away`}`,
]

/** What is said where fewer nodes have it than were asked for; else nothing. */
export const tooFewLines = (
  answer: { readonly storedOn: StoredOn },
  copies: number | undefined,
): string[] =>
  hasEnough(answer, copies)
    ? []
    : [
        '',
        `fewer nodes than ${copies} have it: it is in force here, and reaches the others as they come`,
      ]
