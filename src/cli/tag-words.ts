import { formatReference } from '../oci/reference.ts'
import { CommandFailure } from './command-failure.ts'
import { readReference } from './print.ts'

/** Where a tag is in the admin API, under `tags` or `pins`. Throws `CommandFailure` with `usage`. */
export function tagPath(text: string, under: 'tags' | 'pins' = 'tags'): string {
  const reference = readReference(text)
  if (reference.digest !== undefined) {
    throw new CommandFailure('usage', `${text} names a digest, which nothing can change`)
  }
  return `/api/v1/${under}/${encodeURIComponent(formatReference(reference))}`
}
