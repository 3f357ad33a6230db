import { looksLikeRegistry } from '../oci/reference.ts'

/** Where what is kept by a pattern is in the admin API. */
export const keepPath = (word: string): string =>
  `/api/v1/keeps/${encodeURIComponent(withRegistry(word))}`

/** What begins with no registry lies on Docker Hub, as for docker pull. */
function withRegistry(word: string): string {
  const [first = '', ...rest] = word.split('/')
  const hasRegistry = first.includes('*') || (rest.length > 0 && looksLikeRegistry(first))
  return hasRegistry ? word : `docker.io/${word}`
}
