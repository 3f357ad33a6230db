import { formatReference } from '../oci/reference.ts'
import type { PinChangeAnswer } from './answers.ts'
import { CommandFailure } from './command-failure.ts'
import { formatSayer, properties, readReference } from './print.ts'

/** Where the pin of a reference is. Throws `CommandFailure` with `usage`. */
export function pinPath(text: string): string {
  const reference = readReference(text)
  if (reference.digest !== undefined) {
    throw new CommandFailure('usage', `${text} names a digest, which nothing can change`)
  }
  return `/api/v1/pins/${encodeURIComponent(formatReference(reference))}`
}

/** `--copies`; `undefined`: none is waited for. Throws `CommandFailure` with `usage`. */
export function readCopies(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const copies = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0
  if (copies >= 1 && copies <= 100) return copies
  throw new CommandFailure('usage', `--copies ${JSON.stringify(text)} is no number from 1 to 100`)
}

/** Whether as many nodes have it as were asked for. */
export const hasEnough = (
  { storedOn }: Pick<PinChangeAnswer, 'storedOn'>,
  copies: number | undefined,
): boolean => copies === undefined || storedOn.nodes >= copies

/** What became of a pin that was set or removed. */
export function pinLines(answer: PinChangeAnswer, copies: number | undefined): string[] {
  const { reference, digest, note, author, expiresAt, complete, storedOn, setOn } = answer
  const is =
    digest === undefined || digest === null ? 'is no longer pinned' : `is pinned to ${digest}`
  return [
    `${reference} ${is}`,
    ...properties([
      ['note', note],
      ['author', author],
      ['until', expiresAt],
      ['said on', formatSayer(setOn)],
      ['stored on', `${storedOn.nodes} of ${storedOn.members} nodes`],
    ]),
    ...(complete
      ? []
      : [
          '',
          'no node holds all of the image: it is being fetched, and not served until it is here',
        ]),
    ...(hasEnough(answer, copies)
      ? []
      : [
          '',
          `fewer nodes than ${copies} have it: it is in force here, and reaches the others as they come`,
        ]),
  ]
}
