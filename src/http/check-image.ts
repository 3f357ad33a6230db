import { type Digest, digestOf } from '../oci/digest.ts'
import { hostPlatform } from '../oci/platform.ts'

/** A blob of such an image. */
export interface CheckBlob {
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Buffer
}

/** A small image for this machine; equal seeds make equal images, others share nothing. */
export interface CheckImage {
  readonly manifest: CheckBlob
  /** Config and layer. */
  readonly blobs: readonly CheckBlob[]
}

/** Makes the image of a seed: one layer with one file that holds it. */
export function makeCheckImage(seed: string): CheckImage {
  const layer = blobOf('application/vnd.oci.image.layer.v1.tar', tarOf('holdfast-check', seed))
  const { os, architecture, variant } = hostPlatform()
  const config = jsonOf('application/vnd.oci.image.config.v1+json', {
    os,
    architecture,
    variant,
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const mediaType = 'application/vnd.oci.image.manifest.v1+json'
  const [described, below] = [describe(config), [describe(layer)]]
  const manifest = { schemaVersion: 2, mediaType, config: described, layers: below }
  return { manifest: jsonOf(mediaType, manifest), blobs: [config, layer] }
}

const describe = ({ mediaType, digest, bytes }: CheckBlob) => ({
  mediaType,
  digest,
  size: bytes.length,
})

const jsonOf = (mediaType: string, value: object): CheckBlob =>
  blobOf(mediaType, Buffer.from(JSON.stringify(value)))

const blobOf = (mediaType: string, bytes: Buffer): CheckBlob => ({
  mediaType,
  digest: digestOf(bytes),
  bytes,
})

/** An archive with one file of less than 512 bytes, root's and of 1970: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html */
function tarOf(name: string, content: string): Buffer {
  const archive = Buffer.alloc(4 * 512)
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`
  archive.write(name, 0)
  archive.write(`${octal(0o444, 7)}${octal(0, 7)}${octal(0, 7)}`, 100)
  archive.write(`${octal(Buffer.byteLength(content), 11)}${octal(0, 11)}`, 124)
  archive.write(' '.repeat(8), 148) // the checksum counts itself as spaces
  archive.write('0', 156)
  archive.write('ustar\x0000', 257)
  const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  archive.write(content, 512)
  return archive
}
