import { join } from 'node:path'
import {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  digestHex,
  parseDigest,
} from '../../oci/digest.ts'

/** The folders of blobs, by the algorithm of their digests. */
export const algorithms: readonly DigestAlgorithm[] = ['sha256', 'sha512']

/**
 * Where everything lies. Blobs as in an OCI image layout: `sha256/<hex>`, a name that only a whole, verified and durable file gets.
 * Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md#blobs
 */
export interface Layout {
  readonly dir: string
  readonly partialDir: string
  readonly quarantineDir: string
  /** Which blobs were found to hash to their digests, and the state of their files then. */
  readonly verifiedFile: string
  blobDir(algorithm: DigestAlgorithm): string
  blob(digest: Digest): string
  /** Of an interrupted or running download; one a digest, so that the next one goes on with it. */
  partial(digest: Digest): string
  /** Of a small blob on its way in; what a crash leaves under such a name is named or removed at the next start. */
  temporary(digest: Digest): string
  /** Of a blob on its way in whose digest is not known yet; the next start removes what a crash leaves. */
  nameless(): string
}

const temporaryEnding = '.new'
const namelessBeginning = 'nameless.'
let temporaries = 0

/** The layout under one directory. */
export function layoutOf(dir: string): Layout {
  const partialDir = join(dir, 'partial')
  const partial = (digest: Digest) => join(partialDir, flatName(digest))
  return {
    dir,
    partialDir,
    quarantineDir: join(dir, 'quarantine'),
    verifiedFile: join(dir, 'verified'),
    blobDir: algorithm => join(dir, algorithm),
    blob: digest => join(dir, digestAlgorithm(digest), digestHex(digest)),
    partial,
    temporary: digest => `${partial(digest)}.${process.pid}-${temporaries++}${temporaryEnding}`,
    nameless: () => join(partialDir, `${namelessBeginning}${process.pid}-${temporaries++}`),
  }
}

/** A digest as a file name: `sha256-<hex>`. */
export function flatName(digest: Digest): string {
  return digest.replace(':', '-')
}

/** The digest in a {@link flatName}; `undefined` for every other name. */
export function parseFlatName(name: string): Digest | undefined {
  return parseDigest(name.replace('-', ':'))
}

/** The digest in the name of a {@link Layout.temporary}; `undefined` for every other name. */
export function temporaryDigest(name: string): Digest | undefined {
  return name.endsWith(temporaryEnding) ? parseFlatName(name.split('.')[0] ?? '') : undefined
}

/** Whether this is the name of a {@link Layout.nameless}. */
export function isNameless(name: string): boolean {
  return name.startsWith(namelessBeginning)
}
