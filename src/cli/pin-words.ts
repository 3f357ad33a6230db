import { formatReference } from '../oci/reference.ts'
import type { PinChangeAnswer } from './answers.ts'
import { CommandFailure } from './command-failure.ts'
import { storedOnProperty, tooFewLines } from './operator-words.ts'
import { formatSayer, properties, readReference } from './print.ts'

/** Where the pin of a reference is. Throws `CommandFailure` with `usage`. */
export function pinPath(text: string): string {
  const reference = readReference(text)
  if (reference.digest !== undefined) {
    throw new CommandFailure('usage', `${text} names a digest, which nothing can change`)
  }
  return `/api/v1/pins/${encodeURIComponent(formatReference(reference))}`
}

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
      storedOnProperty(storedOn),
    ]),
    ...(complete
      ? []
      : [
          '',
          'no node holds all of the image: it is being fetched, and not served until it is here',
        ]),
    ...tooFewLines(answer, copies),
  ]
}
