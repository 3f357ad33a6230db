import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { type ImageOptions, makeImage } from '../support/image.ts'
import { busyboxFiles } from '../support/layer.ts'
import { writeArchive } from './support/archive.ts'
import { pauseImage, startContainerd } from './support/containerd.ts'
import { startNode } from './support/holdfast.ts'
import { run, until } from './support/process.ts'
import { containerdVersions, requireSystem } from './support/requirements.ts'

requireSystem()

const registry = 'registry.lab'
const busybox = busyboxFiles('/bin/busybox')

const runnable = (salt: string): ImageOptions => ({
  platforms: ['linux/amd64', 'linux/arm64'],
  layers: [busybox, 20_000],
  config: { Cmd: ['/bin/sleep', '100000'], Env: ['PATH=/bin', `SALT=${salt}`] },
  salt,
})

/** How people make archives, as shell: `$OCI` is an OCI archive of the image, `$OUT` and `$NAME` what is wanted. */
const makers: Readonly<Record<string, string>> = {
  'docker.tar': 'skopeo --insecure-policy copy -q oci-archive:$OCI docker-archive:$OUT:$NAME',
  'oci.tar.gz':
    'skopeo --insecure-policy copy -q oci-archive:$OCI oci-archive:$OUT.tmp:$NAME && gzip < $OUT.tmp > $OUT',
  'all.tar.zst':
    'skopeo --insecure-policy copy -q --all oci-archive:$OCI oci-archive:$OUT.tmp:$NAME && zstd -q $OUT.tmp -o $OUT',
  'saved.tar.bz2':
    'skopeo --insecure-policy copy -q oci-archive:$OCI docker-archive:$OUT.tmp:$NAME && bzip2 < $OUT.tmp > $OUT',
}

/** A node that has nothing but what is dropped. */
const startOffline = (dir: string, drop: string) =>
  startNode({
    dir: join(dir, 'node'),
    config: {
      mode: 'offline',
      upstreams: { [registry]: { url: 'http://127.0.0.1:1' } },
      dropFolder: { path: drop },
    },
  })

t.test('what other programs archive runs as pods, from the drop folder alone', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-archives-'))
  const drop = join(dir, 'drop')
  await mkdir(drop)
  const node = await startOffline(dir, drop)
  t.teardown(async () => {
    await node.stop()
    await rm(dir, { recursive: true, force: true })
  })
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage(runnable('pause')))
  for (const [file, script] of Object.entries(makers)) {
    const name = `${registry}/lab/${file}:v1`
    const source = join(dir, `source-of-${file}`)
    await writeArchive(source, name, makeImage(runnable(file)))
    const env = { ...process.env, OCI: source, OUT: join(dir, file), NAME: name }
    await run('sh', ['-c', script], { env })
    await rename(join(dir, file), join(drop, file))
    await until(`${file} is served`, async () => {
      const answer = await fetch(`${node.mirror}/v2/lab/${file}/manifests/v1?ns=${registry}`)
      return answer.status === 200
    })
  }
  for (const version of containerdVersions) {
    const client = await startContainerd(version, join(dir, version), pause)
    try {
      await client.mirror(registry, node.mirror)
      for (const file of Object.keys(makers)) {
        const image = `${registry}/lab/${file}:v1`
        await client.pull(image)
        t.match(
          await client.runPod(image, ['/bin/sh', '-c', 'echo $SALT']),
          file,
          `${version} ${file}`,
        )
      }
    } finally {
      await client.stop()
    }
  }
})

for (const version of containerdVersions) {
  t.test(
    `an archive of docker save has the digest that containerd ${version} gives it`,
    async t => {
      const dir = await mkdtemp(join(tmpdir(), 'holdfast-archives-'))
      const pause = join(dir, 'pause.tar')
      await writeArchive(pause, pauseImage, makeImage(runnable('pause')))
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
