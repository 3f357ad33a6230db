import { digestOf } from '../../src/oci/digest.ts'
import type { Descriptor } from '../../src/oci/manifest.ts'

/** A blob of a test image. */
export interface TestBlob extends Descriptor {
  readonly bytes: Buffer
}

/** These bytes as a blob. */
export const blob = (mediaType: string, bytes: Buffer): TestBlob => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
  bytes,
})

/** A value as a JSON blob. */
export const jsonBlob = (mediaType: string, value: object): TestBlob =>
  blob(mediaType, Buffer.from(JSON.stringify(value)))

/** What a manifest says of a blob. */
export const descriptorOf = ({ mediaType, digest, size, urls }: TestBlob): object => ({
  mediaType,
  size,
  digest,
  urls,
})
