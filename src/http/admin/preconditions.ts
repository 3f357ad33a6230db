import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { Refusal } from '../../keep/operator-word.ts'
import type { Stamp } from '../../ledger/stamp.ts'

/** Changes with every word on what it is of; goes into `ETag`, in quotes. */
export const versionOf = ({
  stamp,
  origin,
}: {
  readonly stamp: Stamp
  readonly origin: string
}): string => `${stamp.wallMs}.${stamp.counter}.${origin.slice(0, 8)}`

/**
 * What a request makes of `If-Match` and `If-None-Match`. The check throws `Refusal` with `changed`.
 * Source: https://www.rfc-editor.org/rfc/rfc9110#section-13.1
 */
export function readPreconditions(
  headers: IncomingHttpHeaders,
): (standing: { readonly version: string; readonly isThere: boolean } | undefined) => void {
  const wanted = listOf(headers['if-match'])
  // A proxy on the way that packs answers makes their tags weak ones.
  const unwanted = listOf(headers['if-none-match'])?.map(tag => tag.replace(/^W\//, ''))
  return standing => {
    const version = standing && `"${standing.version}"`
    const isIn = (list: readonly string[]) =>
      (standing?.isThere === true && list.includes('*')) ||
      (version !== undefined && list.includes(version))
    if (wanted !== undefined && !isIn(wanted)) throw changed(version)
    if (unwanted !== undefined && isIn(unwanted)) throw changed(version)
  }
}

/** Changes with what an operator said, and with who said it when; goes into `ETag`, in quotes. `undefined`: nobody said anything. */
export const versionOfWord = (word: object | undefined): string | undefined =>
  word && createHash('sha256').update(JSON.stringify(word)).digest('base64url').slice(0, 22)

/** What a version is told with. */
export interface TagReply {
  header(name: string, value: string): unknown
}

/** Answers with the version of what stands there now; with none where nothing does. */
export function writeTag(reply: TagReply, version: string | undefined): void {
  if (version !== undefined) reply.header('ETag', `"${version}"`)
}

/** What a request makes of its preconditions, for what has such a version while it is there. The check throws `Refusal` with `changed`. */
export function readWordCheck<T>(
  headers: IncomingHttpHeaders,
  versionOf: (standing: T) => string | undefined,
): (standing: T | undefined) => void {
  const check = readPreconditions(headers)
  return standing => {
    const version = standing && versionOf(standing)
    check(version === undefined ? undefined : { version, isThere: true })
  }
}

const changed = (version: string | undefined): Refusal =>
  new Refusal(
    'changed',
    `what stands there now is ${version ?? 'nothing'}: look at it, and say it again if you still want to`,
  )

const listOf = (header: string | undefined): readonly string[] | undefined =>
  header?.split(',').map(text => text.trim())
