import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { makeImage } from '../../support/image.ts'
import { busyboxFiles } from '../../support/layer.ts'
import { writeArchive } from './archive.ts'
import type { Containerd } from './containerd.ts'
import { run } from './process.ts'
import { buildah } from './requirements.ts'

const busybox = busyboxFiles('/bin/busybox')

/** An image for two platforms whose containers print its salt; no two have more than busybox in common. */
export const runnable = (salt: string) =>
  makeImage({
    platforms: ['linux/amd64', 'linux/arm64'],
    layers: [busybox, 20_000],
    config: { Cmd: ['/bin/sleep', '100000'], Env: ['PATH=/bin', `SALT=${salt}`] },
    salt,
  })

const skopeo = 'skopeo --insecure-policy copy -q'
const build = `
  run() { "$BUILDAH" --root "$OUT.d/root" --runroot "$OUT.d/run" --storage-driver vfs "$@"; }
  c=$(run from scratch) && run copy -q $c /bin/busybox /bin/busybox && run copy -q $c /bin/busybox /bin/sh
  run config --env PATH=/bin --env SALT=$SALT --cmd '/bin/sleep 100000' $c`
const built = 'run rm $c >/dev/null; rm -rf "$OUT.d"'

/** How people make archives, as shell: `$OCI` is an OCI archive of the image, `$OUT` and `$NAME` what is wanted. */
const makers: Readonly<Record<string, string>> = {
  'docker.tar': `${skopeo} oci-archive:$OCI docker-archive:$OUT:$NAME --additional-tag \${NAME%:*}:also`,
  'oci.tar.gz': `${skopeo} oci-archive:$OCI oci-archive:$OUT.tmp:$NAME && gzip < $OUT.tmp > $OUT`,
  'all.tar.zst': `${skopeo} --all oci-archive:$OCI oci-archive:$OUT.tmp:$NAME && zstd -q $OUT.tmp -o $OUT`,
  'saved.tar.bz2': `${skopeo} oci-archive:$OCI docker-archive:$OUT.tmp:$NAME && bzip2 < $OUT.tmp > $OUT`,
  'built.tar': `${build} && run commit -q $c oci-archive:$OUT:$NAME >/dev/null; ${built}`,
  'built-docker.tar.gz': `${build} && run commit -q $c docker-archive:$OUT.tmp:$NAME >/dev/null && gzip < $OUT.tmp > $OUT; ${built}`,
}

/** What they are packed with, one each. */
const packers: readonly (readonly [suffix: string, pack: readonly string[]])[] = [
  ['tar', ['cat']],
  ['tar.gz', ['gzip', '-c']],
  ['tar.zst', ['zstd', '-qc']],
]

/** An archive on the disk. */
export interface MadeArchive {
  /** File name; a container of the image prints it as its salt. */
  readonly file: string
  readonly path: string
  /** What it calls its image. */
  readonly image: string
}

/** Has every program make its archives under `dir`, of images in `registry`. */
export async function makeArchives(
  dir: string,
  registry: string,
  containerds: readonly Containerd[],
): Promise<readonly MadeArchive[]> {
  const made: MadeArchive[] = []
  const nameOf = (file: string) => `${registry}/lab/${file}:v1`

  async function source(file: string): Promise<string> {
    const path = join(dir, `source-of-${file}`)
    await writeArchive(path, nameOf(file), runnable(file))
    return path
  }

  for (const [file, script] of Object.entries(makers)) {
    const path = join(dir, file)
    const names = { OUT: path, NAME: nameOf(file), SALT: file, BUILDAH: buildah }
    const env = { ...process.env, ...names, OCI: await source(file), BUILDAH_ISOLATION: 'chroot' }
    await run('sh', ['-ec', script], { env })
    made.push({ file, path, image: nameOf(file) })
  }
  for (const [index, containerd] of containerds.entries()) {
    const [suffix, pack] = packers[index % packers.length] ?? ['tar', ['cat']]
    const file = `ctr-${containerd.version}.${suffix}`
    const path = join(dir, file)
    const [imported, image] = [await source(file), nameOf(file)]
    await containerd.ctr('images', 'import', '--all-platforms', imported)
    await containerd.ctr('images', 'export', '--all-platforms', `${path}.tmp`, image)
    // Else its own pull would find everything there.
    await containerd.ctr('images', 'rm', '--sync', image)
    await run('sh', ['-ec', `${pack.join(' ')} "${path}.tmp" > "${path}"`])
    made.push({ file, path, image })
  }
  return made
}

/** Puts an archive into a drop folder at once, as a whole. */
export const drop = ({ path, file }: MadeArchive, folder: string): Promise<void> =>
  rename(path, join(folder, file))
