import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { packTar } from '../src/adapters/tar/write-tar.ts'
import type { PackedFile } from '../src/ports/archive.ts'
import { descriptorOf, jsonBlob, type TestBlob } from '../test/support/blob.ts'
import { makeImage } from '../test/support/image.ts'
import { makeLayer } from '../test/support/layer.ts'
import { writeArchive } from '../test/system/support/archive.ts'
import { startContainerd } from '../test/system/support/containerd.ts'
import { program } from '../test/system/support/holdfast.ts'
import { run } from '../test/system/support/process.ts'
import { atMost, type Figure } from './figure.ts'
import { watchMemory } from './memory.ts'
import { own, registryName, type Scene, startBenchNode } from './scene.ts'

const layerBytes = 125_000_000
const layers = 8

const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  foreign: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
} as const

/** An archive of 1 GB, packed with zstd, into the store of a running node and into that of containerd 2.1; and what the node takes for it. */
export async function importArchive(scene: Scene): Promise<readonly Figure[]> {
  const archive = join(scene.dir, 'image.tar.zst')
  scene.say('writing the archive')
  await writeImage(scene, archive)
  const { size } = await stat(archive)
  const node = await startBenchNode(scene, 'node', 'http://127.0.0.1:1')
  const data = join(scene.dir, 'node', 'data')
  const args = [program, 'import', archive, '--address', new URL(node.admin).host]
  let ours = 0
  scene.say('importing')
  const memory = await watchMemory(node.pid, async () => {
    ours = await time(() =>
      run(process.execPath, [...args, '--token-file', join(data, 'admin.token')]),
    )
  })
  const theirs = await importIntoContainerd(scene, archive)
  const rate = (ms: number): number => size / 1e6 / (ms / 1000)
  return [
    {
      what: 'import of a .tar.zst of 1 GB',
      value: rate(ours),
      unit: 'MB/s',
      peer: { name: 'ctr images import, containerd 2.1', value: rate(theirs) },
    },
    {
      what: 'resident at most while importing it',
      value: memory.peakMb,
      unit: 'MB',
      aim: atMost(200),
    },
  ]
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await work()
  return performance.now() - startedMs
}

async function importIntoContainerd(scene: Scene, archive: string): Promise<number> {
  const dir = join(scene.dir, 'containerd')
  await mkdir(dir)
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, `${registryName}/pause:1`, makeImage())
  const containerd = own(scene, await startContainerd('2.1', dir, pause))
  return time(() => containerd.ctr('-n', 'k8s.io', 'images', 'import', '--no-unpack', archive))
}

/** Writes the archive without ever holding more than one layer. */
async function writeImage({ dir }: Scene, archive: string): Promise<void> {
  const written: TestBlob[] = []
  const diffIds: string[] = []
  for (let index = 0; index < layers; index++) {
    const { blob, diffId } = makeLayer(layerBytes, 'linux/amd64', `import ${index}`, types)
    await writeFile(join(dir, `${index}.layer`), blob.bytes)
    written.push({ ...blob, bytes: Buffer.alloc(0) })
    diffIds.push(diffId)
  }
  const platform = { architecture: 'amd64', os: 'linux' }
  const config = jsonBlob(types.config, {
    ...platform,
    config: {},
    rootfs: { type: 'layers', diff_ids: diffIds },
  })
  const manifest = jsonBlob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: descriptorOf(config),
    layers: written.map(descriptorOf),
  })
  async function* files(): AsyncGenerator<PackedFile> {
    yield inMemory('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'))
    const annotations = { 'io.containerd.image.name': `${registryName}/import:1` }
    const { mediaType, digest, size } = manifest
    const manifests = [{ mediaType, digest, size, annotations, platform }]
    yield inMemory('index.json', Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })))
    for (const blob of [config, manifest]) yield inMemory(pathOf(blob), blob.bytes)
    for (const [index, blob] of written.entries()) {
      const content = createReadStream(join(dir, `${index}.layer`))
      yield { name: pathOf(blob), size: blob.size, content }
    }
  }
  await pipeline(packTar(files()), createWriteStream(archive))
}

const pathOf = ({ digest }: TestBlob): string => `blobs/${digest.replace(':', '/')}`

function inMemory(name: string, bytes: Buffer): PackedFile {
  async function* content() {
    yield bytes
  }
  return { name, size: bytes.length, content: content() }
}
