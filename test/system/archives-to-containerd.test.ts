import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { TestImage } from '../support/image.ts'
import { writeArchive } from './support/archive.ts'
import { runnable } from './support/archive-makers.ts'
import { type Containerd, pauseImage, startContainerd } from './support/containerd.ts'
import { nodeBinary, program, startNode } from './support/holdfast.ts'
import { run, until } from './support/process.ts'
import {
  type ContainerdVersion,
  containerdVersions,
  requireSystem,
} from './support/requirements.ts'

requireSystem()

// Versions beside one another: most of it is waiting for containerd.
t.jobs = containerdVersions.length

const registry = 'registry.lab'
const nameOf = (file: string) => `${registry}/lab/${file}:v1`

/** A containerd that is sent to no mirror, and a node that puts what is dropped into it. */
async function open(t: Test, version: ContainerdVersion) {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-archives-'))
  const drop = join(dir, 'drop')
  await mkdir(drop)
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, runnable('pause'))
  const containerd = await startContainerd(version, join(dir, 'containerd'), pause)
  const options = {
    dir: join(dir, 'node'),
    config: {
      mode: 'offline',
      upstreams: { [registry]: { url: 'http://127.0.0.1:1' } },
      dropFolder: { path: drop },
      store: { kind: 'both', minFreeBytes: '1MiB' },
      containerd: { socket: containerd.socket },
    },
  }
  let node = await startNode(options)
  t.teardown(async () => {
    await node.stop()
    await containerd.stop()
    await rm(dir, { recursive: true, force: true })
  })
  return {
    containerd,
    output: () => node.output(),
    /** Writes what is held of an image as `holdfast export` does. */
    async export(name: string, file: string) {
      const token = join(options.dir, 'data', 'admin.token')
      const asking = ['--address', new URL(node.admin).host, '--token-file', token]
      const path = join(dir, file)
      await run(nodeBinary, [program, 'export', name, '-o', path, ...asking])
      return path
    },
    /** Ends the node at once, and starts it where nobody drops anything. */
    async restart() {
      await node.stop('SIGKILL')
      await rm(drop, { recursive: true })
      await mkdir(drop)
      node = await startNode(options)
    },
    /** Puts an archive there, made out of an OCI archive of the image by this command. */
    async drop(file: string, name: string, image: TestImage, command = 'cp "$OCI" "$OUT"') {
      const [source, made] = [join(dir, `${file}.source`), join(dir, `${file}.made`)]
      await rm(made, { force: true })
      await writeArchive(source, name, image)
      const env = { ...process.env, OCI: source, OUT: made, NAME: name, ALSO: alsoOf(name) }
      await run('sh', ['-ec', command], { env })
      await rename(made, join(drop, file))
    },
    runs: (image: string) => containerd.runPod(image, ['/bin/sh', '-c', 'echo $SALT']),
  }
}

/** A second tag. */
const alsoOf = (name: string) => name.replace(/v1$/, 'also')

const toDocker =
  'skopeo --insecure-policy copy -q oci-archive:$OCI docker-archive:$OUT:$NAME --additional-tag $ALSO'

const isThere = (containerd: Containerd, image: string) =>
  until(`${image} is in containerd ${containerd.version}`, () => containerd.imageId(image))

/** The labels of an image, as `ctr` shows them; nothing where there is no such image. */
async function labelsOf(containerd: Containerd, name: string): Promise<string | undefined> {
  const list = await containerd.ctr('-n', 'k8s.io', 'images', 'ls', `name==${name}`)
  return list.split('\n').find(line => line.startsWith(`${name} `))
}

const pinned = 'io.cri-containerd.pinned=pinned'

for (const version of containerdVersions) {
  t.test(`what is dropped starts as a pod of containerd ${version} without a pull`, async t => {
    const { containerd, output, restart, drop, runs, export: bundle } = await open(t, version)
    const [app, saved] = [runnable('app'), runnable('saved')]
    await drop('app.tar.zst', nameOf('app'), app, 'zstd -q "$OCI" -o "$OUT"')
    await drop('saved.tar', nameOf('saved'), saved, toDocker)
    const first = await isThere(containerd, nameOf('app'))
    t.match(await runs(nameOf('app')), 'app')
    const also = alsoOf(nameOf('saved'))
    await isThere(containerd, also)
    t.match(await runs(nameOf('saved')), 'saved')
    t.match(await runs(also), 'saved')

    const byDigest = `${registry}/lab/app@${app.digest}`
    t.match(await runs(byDigest), 'app', 'by its digest')
    for (const name of [nameOf('app'), byDigest]) t.match(await labelsOf(containerd, name), pinned)
    const own = app.for('linux/amd64')
    for (const { digest } of [own, own.config, ...own.layers, app]) {
      const line = await containerd.ctr('-n', 'k8s.io', 'content', 'ls', `digest==${digest}`)
      t.match(line, `containerd.io/distribution.source.${registry}=lab/app`, digest)
    }
    const foreign = `digest==${app.for('linux/arm64').digest}`
    const found = await containerd.ctr('-n', 'k8s.io', 'content', 'ls', '-q', foreign)
    t.equal(found.trim(), '', 'only what runs here')
    t.notMatch(await containerd.ctr('-n', 'k8s.io', 'leases', 'ls'), 'holdfast-import')

    const carried = await bundle(nameOf('app'), 'carried.tar')
    await containerd.ctr('-n', 'carried', 'images', 'import', carried)
    const images = await containerd.ctr('-n', 'carried', 'images', 'ls', '-q')
    t.equal(images.trim(), nameOf('app'), 'an export as plain tar is taken by any ctr')

    // Before 1.6.33 and 1.7.3 CRI knows nothing of pinned images.
    if (version !== '1.6') await containerd.collect()
    await containerd.restart('SIGKILL')
    t.match(await runs(nameOf('app')), 'app', 'also once the kubelet and containerd collected')
    t.match(await runs(nameOf('saved')), 'saved')

    const newer = runnable('newer')
    await drop('app.tar.zst', nameOf('app'), newer, 'zstd -q "$OCI" -o "$OUT"')
    await until('its tag moved', async () => (await containerd.imageId(nameOf('app'))) !== first)
    t.match(await runs(nameOf('app')), 'newer')
    await until('the earlier one may go', async () => {
      return !(await labelsOf(containerd, byDigest))?.includes(pinned)
    })
    t.match(await labelsOf(containerd, `${registry}/lab/app@${newer.digest}`), pinned)

    containerd.signal('SIGSTOP')
    try {
      await drop('late.tar', nameOf('late'), runnable('late'))
      await until('it is imported and containerd does not answer', async () =>
        output().includes('an image was not put into containerd'),
      )
      await restart()
    } finally {
      containerd.signal('SIGCONT')
    }
    await isThere(containerd, nameOf('late'))
    t.match(await runs(nameOf('late')), 'late', 'what came while containerd hung and we died')
  })
}
