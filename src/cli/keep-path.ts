import { isPatternFault, parseImagePattern } from '../config/image-pattern.ts'
import { looksLikeRegistry } from '../oci/reference.ts'
import { CommandFailure } from './command-failure.ts'

/** Where what is kept by a pattern is in the admin API. Throws `CommandFailure` with `usage` where the word is none. */
export function keepPath(word: string): string {
  const text = withRegistry(word)
  const parsed = parseImagePattern(text)
  if (!isPatternFault(parsed)) return `/api/v1/keeps/${encodeURIComponent(text)}`
  const { problem, cure } = parsed
  throw new CommandFailure(
    'usage',
    `${JSON.stringify(word)} ${problem}; write ${cure.replace(/^write /, '')}`,
  )
}

/** What begins with no registry lies on Docker Hub, as for docker pull. */
function withRegistry(word: string): string {
  const [first = '', ...rest] = word.split('/')
  const hasRegistry = first.includes('*') || (rest.length > 0 && looksLikeRegistry(first))
  return hasRegistry ? word : `docker.io/${word}`
}
