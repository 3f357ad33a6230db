import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { makeImage } from '../../support/image.ts'
import { busyboxFiles } from '../../support/layer.ts'
import { writeArchive } from './archive.ts'
import { type Containerd, pauseImage, startContainerd } from './containerd.ts'
import type { PodOptions } from './pods.ts'
import { freePorts, until } from './process.ts'
import type { ContainerdVersion } from './requirements.ts'

export const { version } = JSON.parse(
  await readFile(new URL('../../../package.json', import.meta.url), 'utf8'),
) as { version: string }
/** As the archive and the chart name it. */
export const image: string = `ghcr.io/holdfast/holdfast:${version}`
/** Of the image. */
export const ownUser = 65532

/** What a pod can be started of. */
export const runnable = (salt: string) => ({
  // A layer that containerd has already it would not ask for.
  layers: [[...busyboxFiles('/bin/busybox'), { name: 'salt', data: salt }], 200_000],
  config: { Cmd: ['/bin/sleep', '100000'], Env: ['PATH=/bin', `SALT=${salt}`] },
  salt,
})

/** A containerd that has nothing but the sandbox image. */
export async function startClient(t: Test, version: ContainerdVersion) {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-image-'))
  const pause = join(dir, 'pause.tar')
  await writeArchive(pause, pauseImage, makeImage(runnable('pause')))
  const client = await startContainerd(version, join(dir, 'containerd'), pause)
  t.teardown(async () => {
    await client.stop()
    await rm(dir, { recursive: true, force: true })
  })
  return { client, dir }
}

/** The directory of containerd's socket, which in these tests is that of its content as well: under its own path, and read-only. */
export function beside({ socket }: Containerd) {
  const path = dirname(socket)
  return { container_path: path, host_path: path, readonly: true }
}

/** Starts Holdfast as a pod would be, and waits until it is ready. */
export async function startInPod(
  t: Test,
  { client, dir }: { client: Containerd; dir: string },
  {
    config,
    user,
    mounts = [],
    security = 'restricted',
  }: { config: object } & Pick<PodOptions, 'user' | 'mounts' | 'security'>,
) {
  const [mirror = 0, admin = 0, health = 0] = await freePorts(3)
  const [data, etc] = [join(dir, 'data'), join(dir, 'etc')]
  for (const folder of [data, etc]) await mkdir(folder, { recursive: true })
  const { uid, gid } = user ?? { uid: ownUser, gid: ownUser }
  await chown(data, uid, gid)
  const settings = {
    mirror: { listen: `127.0.0.1:${mirror}` },
    admin: { listen: `127.0.0.1:${admin}` },
    health: { listen: `127.0.0.1:${health}` },
    store: { minFreeBytes: '1MiB' },
    ...config,
  }
  await writeFile(join(etc, 'holdfast.yaml'), JSON.stringify(settings))
  const pod = await client.startPod(image, {
    security,
    ...(user && { user }),
    mounts: [
      { container_path: '/var/lib/holdfast', host_path: data },
      { container_path: '/etc/holdfast', host_path: etc, readonly: true },
      ...mounts,
    ],
  })
  t.teardown(() => pod.stop())
  await until('the pod is ready', async () => {
    const answer = await fetch(`http://127.0.0.1:${health}/readyz`).catch(() => undefined)
    return answer?.status === 200
  }).catch(async error => {
    throw new Error(`${error.message}\n${await pod.output()}`)
  })
  return { pod, mirror: `http://127.0.0.1:${mirror}` }
}
