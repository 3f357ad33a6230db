import pTimeout from 'p-timeout'
import type { Digest } from '../oci/digest.ts'
import type { Repository } from '../oci/reference.ts'
import type { BlobSource } from '../ports/blob-source.ts'
import { UpstreamFailure } from '../ports/errors.ts'
import { type Absent, absent } from './absent.ts'
import type { FindSources } from './ask-sources.ts'

/**
 * Asks the sources in order how many bytes a blob has, by opening it and closing it before its body.
 *
 * @param deadlineMs for all of them together
 */
export async function askSize(
  find: FindSources,
  repository: Repository,
  digest: Digest,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<number | Absent> {
  const connection = new AbortController()
  const ends = AbortSignal.any([signal, connection.signal])
  try {
    return await pTimeout(ask(), {
      milliseconds: deadlineMs,
      signal,
      fallback: () => absent(`${digest}: no source told its size in time`, 'unreachable'),
    })
  } finally {
    connection.abort()
  }

  async function ask(): Promise<number | Absent> {
    let answer: number | Absent = absent(`${digest}: no source tells its size`)
    for (const source of await find()) {
      if (source.reach(repository).state !== 'reachable') continue
      answer = await askOne(source)
      if (typeof answer === 'number') return answer
    }
    return answer
  }

  async function askOne(source: BlobSource): Promise<number | Absent> {
    try {
      const { size } = await source.open(digest, repository, 0, ends)
      return size ?? absent(`${digest}: ${source.name} does not tell its size`)
    } catch (error) {
      if (error instanceof UpstreamFailure) return absent(error.message, error.code)
      throw error
    }
  }
}
