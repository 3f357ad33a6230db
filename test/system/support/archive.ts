import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestImage } from '../../support/image.ts'
import { run } from './process.ts'

/** Writes an image as an OCI archive that `ctr images import` takes under `name`. */
export async function writeArchive(path: string, name: string, image: TestImage): Promise<void> {
  const layout = await mkdtemp(join(tmpdir(), 'holdfast-layout-'))
  const put = async (file: string, bytes: string | Buffer) => {
    await mkdir(dirname(join(layout, file)), { recursive: true })
    await writeFile(join(layout, file), bytes)
  }
  for (const [digest, bytes] of image.blobs) await put(`blobs/${digest.replace(':', '/')}`, bytes)
  await put('oci-layout', '{"imageLayoutVersion":"1.0.0"}')
  const { mediaType, digest, size } = image
  const annotations = { 'io.containerd.image.name': name }
  const manifests = [{ mediaType, digest, size, annotations }]
  await put('index.json', JSON.stringify({ schemaVersion: 2, manifests }))
  await run('tar', ['-C', layout, '-cf', path, '.'])
  await rm(layout, { recursive: true })
}
