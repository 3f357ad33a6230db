import { parseDigest } from '../../oci/digest.ts'
import { lockFile, type OwnFiles } from '../../ports/own-files.ts'
import { algorithms, isNameless, parseFlatName, temporaryDigest } from './layout.ts'

const folders: ReadonlyMap<string, OwnFiles> = new Map([
  ...algorithms.map(algorithm => {
    const isFile = (name: string) => parseDigest(`${algorithm}:${name}`) !== undefined
    return [algorithm, { isFile }] as const
  }),
  ['partial', { isFile: isPartial }],
  ['quarantine', { isFile: name => parseFlatName(name) !== undefined }],
])

function isPartial(name: string): boolean {
  return (
    parseFlatName(name) !== undefined || temporaryDigest(name) !== undefined || isNameless(name)
  )
}

/** What a store keeps in its directory, as `layoutOf` lays it out. */
export const blobFiles: OwnFiles = {
  isFile: name => ['verified', 'verified.new', lockFile].includes(name),
  folder: name => folders.get(name),
}
