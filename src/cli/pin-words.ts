import type { PinChangeAnswer } from './answers.ts'
import { storedOnProperty, tooFewLines } from './operator-words.ts'
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
export function pinLines(answer: PinChangeAnswer, copies: number | undefined): readonly Line[] {
  const { reference, digest, note, author, expiresAt, complete, fetching, storedOn, setOn } = answer
  const is =
    digest === undefined || digest === null ? 'is no longer pinned' : `is pinned to ${digest}`
  return [
    `${reference} ${is}`,
    ...properties([
      ['note', note],
      ['author', author],
      ['until', expiresAt],
      ['said on', formatSayer(setOn)],
      storedOnProperty(storedOn),
    ]),
    ...(complete ? [] : ['', `no node holds all of the image: ${fetching ? awaited : absent}`]),
    ...strayLines([answer]),
    ...tooFewLines(answer, copies),
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
