import type { PinAnswer, PinChangeAnswer, PinRemovalAnswer } from './operator-answers.ts'
import {
  beforeLines,
  isWhat,
  saidProperties,
  storedOnProperty,
  tooFewLines,
} from './operator-words.ts'
import { formatSayer, properties } from './print.ts'
import type { Line } from './table.ts'
import { tagPath } from './tag-words.ts'

/** Where the pin of a reference is. Throws `CommandFailure` with `usage`. */
export const pinPath = (text: string): string => tagPath(text, 'pins')

const awaited =
  'it is being fetched; until it is here clients get it only while its registry can give the rest (`holdfast pins` tells)'
const absent =
  'until one does clients get it only while its registry can give the rest, for this node keeps nothing and fetches nothing'

/** What became of a pin that was set or removed. */
export function pinLines(
  answer: PinChangeAnswer | PinRemovalAnswer,
  copies: number | undefined,
): readonly Line[] {
  const { reference, digest, complete, fetching, storedOn } = answer
  const is =
    digest === undefined || digest === null
      ? 'is no longer pinned'
      : `${isWhat('is pinned', answer)} to ${digest}`
  return [
    `${reference} ${is}`,
    ...properties([...saidProperties(answer), storedOnProperty(storedOn)]),
    ...(complete ? [] : ['', `no node holds all of the image: ${fetching ? awaited : absent}`]),
    ...basisLines(answer),
    ...skippedLines(answer),
    ...beforeLines(answer),
    ...strayLines([answer]),
    ...tooFewLines(answer, copies),
  ]
}

/** Where a tag was resolved without its registry's word: what is pinned then may be old. */
function basisLines({ reference, restsOn }: PinChangeAnswer | PinRemovalAnswer): readonly string[] {
  if (restsOn == null || restsOn.fresh || restsOn.source === 'pin') return []
  const { confirmedAt, reason } = restsOn
  const when =
    confirmedAt == null ? 'its registry never confirmed it' : `last confirmed at ${confirmedAt}`
  return [
    '',
    `its registry was not heard just now: this rests on what is remembered, ${when}`,
    `  ${reason}; \`holdfast refresh ${reference}\` asks it`,
  ]
}

/** What a rollback went past. */
function skippedLines({ skipped }: PinChangeAnswer | PinRemovalAnswer): readonly string[] {
  const told = (skipped ?? []).map(
    digest => `${digest} is blocked and was passed over; \`holdfast unblock ${digest}\` lifts that`,
  )
  return told.length === 0 ? [] : ['', ...told]
}

/** What the pin does, whether this node could serve it alone, and whether somebody said otherwise without knowing of it. */
export const standingOf = ({
  standing,
  completeHere,
  conflict,
}: Pick<PinAnswer, 'standing' | 'completeHere' | 'conflict'>): string =>
  [
    standing,
    ...(completeHere === false && standing !== 'expired' ? ['incomplete here'] : []),
    ...(conflict == null ? [] : ['in conflict']),
  ].join(', ')

/** Who said what without knowing of each other, and what to do about it. */
export function conflictLines(
  pins: readonly Pick<PinAnswer, 'reference' | 'setOn' | 'setOnName' | 'conflict'>[],
): string[] {
  const told = pins.flatMap(({ reference, setOn, setOnName, conflict }) => {
    if (conflict == null) return []
    const here = formatSayer(setOn, setOnName)
    const other = formatSayer(conflict.setOn, conflict.setOnName)
    const by = conflict.author == null ? '' : ` by ${conflict.author}`
    const what = conflict.digest == null ? 'removed it' : `pinned it to ${conflict.digest}`
    return [
      `  ${reference} was set on ${here}; ${other} had ${what} at ${conflict.at}${by}, neither knowing of the other`,
    ]
  })
  if (told.length === 0) return []
  return [
    '',
    ...told,
    'the newer word is in force everywhere; whoever pins anew, or unpins, settles it',
  ]
}

/** Nodes whose containerd has another image under a pinned tag, and what that means. */
export function strayLines(
  pins: readonly Pick<PinChangeAnswer, 'reference' | 'heldOtherwise'>[],
): string[] {
  const strays = pins.flatMap(({ reference, heldOtherwise }) =>
    (heldOtherwise ?? []).map(
      ({ node, digest }) => `  ${node} has ${digest} under ${reference} in its containerd`,
    ),
  )
  return strays.length === 0 ? [] : ['', ...strays, ifNotPresent]
}

const ifNotPresent =
  'there a pod starts from that image unless its imagePullPolicy is Always; `crictl rmi` it, or pull it again, and the pin counts'
