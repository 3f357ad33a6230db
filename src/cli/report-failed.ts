import { formatReference, parseReference } from '../oci/reference.ts'
import { type Item, isByDigest, some } from './report-terms.ts'

/** Why what a job named could not be fetched, by the names in the job: trying again does not help. */
export type Failed = ReadonlyMap<string, string>

/** Images whose reasons are told. */
const maxTold = 5

/** Why nodes could not fetch it. A job names a tag by its digest where no registry is to be asked. */
export function whyFailed({ reference, digest }: Item, failed: Failed): string | undefined {
  const why = failed.get(reference)
  if (why !== undefined || digest == null || isByDigest({ reference })) return why
  const { registry, repository } = parseReference(reference)
  return failed.get(`${formatReference({ registry, repository, tag: undefined })}@${digest}`)
}

/** What is not to be tried again before something else is mended. */
export function tellFailed(faulty: readonly Item[], failed: Failed): string[] {
  const all = faulty.flatMap(item => {
    const why = whyFailed(item, failed)
    return why === undefined ? [] : [{ reference: item.reference, why }]
  })
  const more = all.slice(maxTold).map(({ reference }) => reference)
  return [
    ...all
      .slice(0, maxTold)
      .map(({ reference, why }) => `${reference} could not be fetched: ${why}`),
    ...(more.length === 0 ? [] : [`nor could ${some(more)}`]),
  ]
}
