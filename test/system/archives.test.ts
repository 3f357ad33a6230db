import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { makeImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { drop, makeArchives, runnable } from './support/archive-makers.ts'
import { type Containerd, pauseImage, startContainerd } from './support/containerd.ts'
import { type HoldfastNode, nodeBinary, program, startNode } from './support/holdfast.ts'
import { makeMesh, untilMet } from './support/mesh.ts'
import { run, until } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'

requireSystem()

const registry = 'registry.lab'
const upstreams = { [registry]: { url: 'http://127.0.0.1:1' } }

/** A node that has nothing but what is dropped. */
const startOffline = (dir: string, drop: string) =>
  startNode({
    dir: join(dir, 'node'),
    config: { mode: 'offline', upstreams, dropFolder: { path: drop } },
  })

/** What a node answers about a tag; nothing where it does not know it. */
async function digestAt(node: HoldfastNode, image: string): Promise<string | undefined> {
  const [, repository, tag] = /^[^/]+\/(.+):(.+)$/.exec(image) ?? []
  const url = `${node.mirror}/v2/${repository}/manifests/${tag}?ns=${registry}`
  const answer = await fetch(url, { method: 'HEAD' })
  return answer.headers.get('docker-content-digest') ?? undefined
}

t.test('what other programs archive runs as pods through another node', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-archives-'))
  const folder = join(dir, 'drop')
  await mkdir(folder)
  await using owned = new AsyncDisposableStack()
  owned.defer(() => rm(dir, { recursive: true, force: true }))
  const mesh = await makeMesh(join(dir, 'mesh'), { mode: 'offline', upstreams })
  const [here, there] = [await mesh.place('here'), await mesh.place('there')]
  const dropped = await mesh.start(here, { config: { dropFolder: { path: folder } } })
  owned.defer(async () => void (await dropped.stop()))
  const other = await mesh.start(there, { seeds: [here] })
  owned.defer(async () => void (await other.stop()))
  await untilMet([dropped, other])

  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, runnable('pause'))
  const clients: Containerd[] = []
  for (const version of containerdVersions) {
    const client = await startContainerd(version, join(dir, version), pause)
    owned.defer(() => client.stop())
    await client.mirror(registry, other.mirror)
    clients.push(client)
  }

  const archives = await makeArchives(dir, registry, clients)
  t.equal(archives.length, 9)
  for (const archive of archives) await drop(archive, folder)
  for (const { file, image } of archives) {
    await until(`${file} is known to the other node`, () => digestAt(other, image))
  }
  const [first] = archives
  const also = first?.image.replace(/:v1$/, ':also') ?? ''
  t.equal(await digestAt(other, also), await digestAt(other, first?.image ?? ''), 'both tags')
  for (const client of clients) {
    for (const { image, file } of archives) {
      await client.pull(image)
      const printed = await client.runPod(image, ['/bin/sh', '-c', 'echo $SALT'])
      t.match(printed, file, `${client.version} ${file}`)
    }
  }

  const [piped, name] = [join(dir, 'piped.tar'), `${registry}/lab/piped:v1`]
  await writeArchive(piped, name, runnable('piped'))
  const asking = ['--address', new URL(other.admin).host]
  const token = ['--token-file', join(there.dir, 'data', 'admin.token')]
  const words = [nodeBinary, program, 'import', '-', ...asking, ...token]
  await run('sh', ['-ec', `gzip -c "${piped}" | ${words.map(word => `"${word}"`).join(' ')}`])
  await until('what was piped into one is known to the other', () => digestAt(dropped, name))

  const [moved, client] = [archives.find(({ file }) => file === 'all.tar.zst'), clients.at(-1)]
  if (moved === undefined || client === undefined) throw new Error('no archive to replace')
  const { file, path, image } = moved
  const newer = runnable('newer')
  await writeArchive(`${path}.tmp`, image, newer)
  await run('zstd', ['-qf', '--rm', `${path}.tmp`, '-o', path])
  await drop(moved, folder)
  for (const node of [dropped, other]) {
    await until(
      `${file} is the newer one`,
      async () => (await digestAt(node, image)) === newer.digest,
    )
  }
  await client.pull(image)
  t.match(await client.runPod(image, ['/bin/sh', '-c', 'echo $SALT']), 'newer')
})

for (const version of containerdVersions) {
  t.test(
    `an archive of docker save has the digest that containerd ${version} gives it`,
    async t => {
      const dir = await mkdtemp(join(tmpdir(), 'holdfast-archives-'))
      const pause = join(dir, 'pause.tar')
      await writeArchive(pause, pauseImage, runnable('pause'))
      const name = `${registry}/lab/saved:v1`
      const [source, saved] = [join(dir, 'source.tar'), join(dir, 'saved.tar')]
      // No layer of it is in containerd already: that one would take the packed form of it instead.
      await writeArchive(source, name, makeImage({ layers: [20_000, 30_000], salt: 'saved' }))
      const skopeo = ['--insecure-policy', 'copy', '-q', `oci-archive:${source}`]
      await run('skopeo', [...skopeo, `docker-archive:${saved}:${name}`])
      const drop = join(dir, 'drop')
      await mkdir(drop)
      const node = await startOffline(dir, drop)
      const client = await startContainerd(version, join(dir, version), pause)
      t.teardown(async () => {
        await client.stop()
        await node.stop()
        await rm(dir, { recursive: true, force: true })
      })
      await client.ctr('-n', 'k8s.io', 'images', 'import', '--all-platforms', saved)
      const listed = await client.ctr('-n', 'k8s.io', 'images', 'ls', `name==${name}`)
      await rename(saved, join(drop, 'saved.tar'))
      const digest = await until('it is imported', async () => {
        const { items } = await node.ask<{ items: { digest: string }[] }>('/api/v1/tags')
        return items[0]?.digest
      })
      t.match(listed, digest)
    },
  )
}
