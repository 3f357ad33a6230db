import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { extract } from 'tar-stream'
import { writeArchive } from '../../image/archive.ts'
import { labelsOf, runConfig } from '../../image/config.ts'
import { type Architecture, architectures, file } from '../../image/entry.ts'
import { makeLayer } from '../../image/layer.ts'

const manifest = { name: 'holdfast', version: '1.2.3', description: 'x', license: 'MIT', type: '' }
const origin = { timeS: 1_700_000_000, revision: 'abc' }
const name = 'registry.test/holdfast:1.2.3'

const imageFor = async (architecture: Architecture) => ({
  architecture,
  layers: [
    await makeLayer([file('below', architecture)], { madeOf: 'a base', timeS: 0 }),
    await makeLayer([file('above', 'both')], { madeOf: 'Holdfast', timeS: 0 }),
  ],
})

async function write(path: string): Promise<string> {
  const images = await Promise.all(architectures.map(imageFor))
  return writeArchive(path, images, { name, origin, labels: labelsOf(manifest, origin) })
}

/** The files of an archive by name. */
async function read(path: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const reading = extract()
  reading.end(await readFile(path))
  for await (const entry of reading) {
    const chunks: Buffer[] = []
    for await (const chunk of entry) chunks.push(chunk as Buffer)
    files.set(entry.header.name, Buffer.concat(chunks))
  }
  return files
}

t.test('an archive is a whole image layout, whose every blob is what its name says', async t => {
  const path = join(t.testdir(), 'image.tar')
  const digest = await write(path)
  const files = await read(path)
  const json = (file: string) => JSON.parse(String(files.get(file)))
  const blob = (of: { digest: string }) => `blobs/${of.digest.replace(':', '/')}`
  t.same(json('oci-layout'), { imageLayoutVersion: '1.0.0' })
  for (const [file, bytes] of files) {
    if (!file.startsWith('blobs/')) continue
    t.equal(file, `blobs/sha256/${createHash('sha256').update(bytes).digest('hex')}`)
  }
  const [image] = json('index.json').manifests
  t.equal(image.digest, digest)
  t.equal(image.annotations['io.containerd.image.name'], name)
  const index = json(blob(image))
  t.same(
    index.manifests.map((found: { platform: object }) => found.platform),
    [
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux', variant: 'v8' },
    ],
  )
  for (const found of index.manifests) {
    const { config, layers } = json(blob(found))
    const { config: run, rootfs, created } = json(blob(config))
    t.match(run, { ...runConfig, Labels: { 'org.opencontainers.image.revision': 'abc' } })
    t.equal(created, '2023-11-14T22:13:20Z')
    t.equal(rootfs.diff_ids.length, layers.length)
    for (const layer of layers) t.equal(files.get(blob(layer))?.length, layer.size)
  }
  const named = [...files.keys()].filter(file => file.startsWith('blobs/'))
  t.equal(named.length, 1 + 2 + 2 + 3, 'what both have is there once')
})

t.test('equal images are equal archives', async t => {
  const dir = t.testdir()
  t.equal(await write(join(dir, 'one')), await write(join(dir, 'two')))
  t.same(await readFile(join(dir, 'one')), await readFile(join(dir, 'two')))
})
