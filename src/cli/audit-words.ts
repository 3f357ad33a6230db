import type { AuditAnswer } from './answers.ts'
import { formatBytes } from './print.ts'

type Entry = AuditAnswer['items'][number]

/** What is said of an operation: the command that does it, and how what stood there before or stands there now is told. */
interface Words {
  readonly did: string
  readonly tell: (state: object | undefined) => string
  /** It leaves something behind, and nothing stood there before. */
  readonly isDeed?: true
  /** It is of one node: where that is another one, this one has passed it on and does not know what stood there. */
  readonly isOfNode?: true
}

/** A value of a state, whatever it is: what another node noted is not ours. */
const field = (state: object | undefined, name: string): unknown =>
  state === undefined ? undefined : Object.entries(state).find(([key]) => key === name)?.[1]

const textOf = (state: object | undefined, name: string): string => {
  const value = field(state, name)
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

const countOf = (state: object | undefined, name: string): string => {
  const value = field(state, name)
  const count = Array.isArray(value) ? value.length : Number(value ?? 0)
  return `${count} ${count === 1 ? 'image' : 'images'}`
}

/** With the note that an operator left. */
function withNote(text: string, state: object | undefined): string {
  const note = textOf(state, 'note')
  return note === '' ? text : `${text} (${note})`
}

function tellPin(state: object | undefined): string {
  const digest = textOf(state, 'digest')
  if (digest === '') return 'not pinned'
  const standing = textOf(state, 'standing')
  return withNote(standing === 'in-force' ? digest : `${digest}, ${standing}`, state)
}

function tellKeep(state: object | undefined): string {
  if (field(state, 'setAt') !== undefined) return withNote('kept', state)
  return field(state, 'configured') === true ? 'kept by configuration' : 'not kept'
}

const tellJob = (state: object | undefined): string => {
  if (state === undefined) return 'no job'
  return field(state, 'cancelledAt') === undefined ? countOf(state, 'images') : 'called off'
}

const tellSchedule = (state: object | undefined): string =>
  state === undefined ? 'none' : `${textOf(state, 'every')}, ${countOf(state, 'images')}`

function tellMode(state: object | undefined): string {
  const until = textOf((field(state, 'set') as object | undefined) ?? state, 'until')
  const mode = textOf(state, 'mode') || 'none'
  return until === '' ? mode : `${mode} until ${until}`
}

const tellDigest = (state: object | undefined): string => textOf(state, 'digest') || 'nothing'

function tellCollection(state: object | undefined): string {
  const bytes = field(state, 'bytes')
  const size = typeof bytes === 'number' ? `, ${formatBytes(bytes)}` : ''
  return `${textOf(state, 'dropped')} ${field(state, 'dryRun') === true ? 'would go' : 'dropped'}${size}`
}

/** Of a whole backup what came of its entries; of an entry what was said. */
function tellRestore(state: object | undefined): string {
  if (field(state, 'dryRun') === undefined)
    return withNote(textOf(state, 'digest') || textOf(state, 'mode') || 'said', state)
  const counts = Object.entries(state ?? {})
    .filter(([name, count]) => name !== 'from' && typeof count === 'number' && count > 0)
    .map(([name, count]) => `${count} ${name}`)
  const tried = field(state, 'dryRun') === true ? 'tried: ' : ''
  return `${tried}${counts.join(', ') || 'nothing'}`
}

const tellScrub = (state: object | undefined): string =>
  field(state, 'running') === true ? 'running' : 'not running'

const tellWhether =
  (is: string) =>
  (state: object | undefined): string =>
    state === undefined ? `not ${is}` : withNote(is, state)

/** Every operation of the API that changes something. */
const words: Readonly<Record<string, Words>> = {
  putPin: { did: 'pin', tell: tellPin },
  deletePin: { did: 'unpin', tell: tellPin },
  putKeep: { did: 'keep', tell: tellKeep },
  deleteKeep: { did: 'unkeep', tell: tellKeep },
  putBlock: { did: 'block', tell: tellWhether('blocked') },
  deleteBlock: { did: 'unblock', tell: tellWhether('blocked') },
  putBan: { did: 'ban', tell: tellWhether('banned') },
  deleteBan: { did: 'unban', tell: tellWhether('banned') },
  putJob: { did: 'warm', tell: tellJob },
  deleteJob: { did: 'cancel', tell: tellJob },
  putSchedule: { did: 'schedule', tell: tellSchedule },
  deleteSchedule: { did: 'unschedule', tell: tellSchedule },
  putMode: { did: 'mode --cluster', tell: tellMode },
  deleteMode: { did: 'mode --cluster', tell: tellMode },
  putNodeMode: { did: 'mode', tell: tellMode, isOfNode: true },
  deleteNodeMode: { did: 'mode', tell: tellMode, isOfNode: true },
  putNodeLogLevel: { did: 'log-level', tell: () => 'nothing', isOfNode: true },
  collectNodeStore: { did: 'gc', tell: tellCollection, isDeed: true, isOfNode: true },
  startNodeScrub: { did: 'scrub', tell: tellScrub, isOfNode: true },
  refreshTag: { did: 'refresh', tell: tellDigest },
  forgetTag: { did: 'forget', tell: tellDigest },
  restore: { did: 'restore', tell: tellRestore, isDeed: true },
  importArchive: { did: 'import', tell: state => countOf(state, 'images'), isDeed: true },
}

const unknownWords: Words = { did: '', tell: state => (state ? 'something' : 'nothing') }

/** The command that does what an entry tells; what a newer node can do and this one cannot goes by the name that its API has for it. */
export const tellDeed = ({ operation }: Pick<Entry, 'operation'>): string =>
  words[operation]?.did ?? operation

const refusals: Readonly<Record<number, string>> = {
  400: 'it made no sense',
  403: 'the token may only read',
  404: 'it is not there',
  409: 'it did not fit what stands',
  412: 'something else stood there',
}

/** What became of it: what stood there and what stands there since, or why nothing did. The rest is in the JSON. */
export function tellChange({
  operation,
  subject,
  subjectName,
  status,
  before,
  after,
}: Pick<Entry, 'operation' | 'subject' | 'subjectName' | 'status' | 'before' | 'after'>): string {
  if (status >= 500) return `failed (${status})`
  if (status !== 200) return `refused: ${refusals[status] ?? `status ${status}`}`
  const { tell, isDeed, isOfNode } = words[operation] ?? unknownWords
  if (isOfNode === true && before == null && after == null)
    return `passed on; see \`holdfast audit --node ${subjectName ?? subject}\``
  const told = (state: unknown): string =>
    typeof state === 'string' ? state : tell(stateOf(state))
  const is = told(after)
  if (isDeed === true) return is
  const was = told(before)
  return was === is ? `${is}, as before` : `${was} -> ${is}`
}

const stateOf = (state: unknown): object | undefined =>
  typeof state === 'object' && state !== null ? state : undefined
