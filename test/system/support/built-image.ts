import { cp, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeBinary } from './holdfast.ts'
import { run } from './process.ts'
import { cacheDir } from './requirements.ts'

const root = join(import.meta.dirname, '..', '..', '..')
const buildMs = 240_000

/** Time and commit of every image of the tests. */
const origin = { SOURCE_DATE_EPOCH: '1700000000', HOLDFAST_REVISION: 'f'.repeat(40) }

export interface BuiltImage {
  /** An OCI archive. */
  readonly archive: string
  /** What the build said: sizes, name, digest. */
  readonly told: string
  /** What was pinned for it. */
  readonly inputs: string
}

/** What is built otherwise than by default. */
export interface ImageBuild {
  /** Full name of the image. */
  readonly name?: string
  /** Commit that it says it was made of: another one makes another image. */
  readonly revision?: string
  /** For the processor of this machine alone. */
  readonly isForThis?: boolean
}

/**
 * Builds the image as `npm run image` does, into `dir`. Where Debian's archive has what is pinned no longer, with what it has now: the
 * image is then another one, and everything else about it stays true.
 */
export async function buildImage(
  dir: string,
  { name, revision = origin.HOLDFAST_REVISION, isForThis = false }: ImageBuild = {},
): Promise<BuiltImage> {
  const archive = join(dir, 'holdfast.oci.tar')
  const more = [
    ...(name === undefined ? [] : ['--name', name]),
    ...(isForThis ? ['--arch', process.arch === 'arm64' ? 'arm64' : 'amd64'] : []),
  ]
  const build = async (inputs: string): Promise<BuiltImage> => {
    const script = join(root, 'image', 'build.ts')
    const words = ['--use-env-proxy', script, ...options(archive, inputs), ...more]
    const env = { ...process.env, ...origin, HOLDFAST_REVISION: revision }
    return { archive, inputs, told: await run(nodeBinary, words, { env, timeoutMs: buildMs }) }
  }
  return build(join(root, 'image', 'inputs.json')).catch(async error => {
    if (!/no longer in the archive/.test(String(error))) throw error
    const now = join(dir, 'inputs.json')
    await run(nodeBinary, [join(root, 'image', 'pin-inputs.ts'), '--out', now])
    return build(now)
  })
}

const options = (archive: string, inputs: string): readonly string[] => [
  ...['--out', archive],
  ...['--inputs', inputs],
  ...['--cache', join(cacheDir, 'image')],
]

/** Builds it once more, of a copy of the checkout in another folder whose files have other times and modes; resolves with its archive. */
export async function buildElsewhere(dir: string, inputs: string): Promise<string> {
  const copy = join(dir, 'copy')
  await mkdir(join(copy, 'node_modules'), { recursive: true })
  const names = ['package.json', 'package-lock.json', 'LICENSE', 'tsconfig.json']
  for (const name of [...names, 'src', 'scripts', 'image', 'migrations', 'proto', 'config']) {
    await cp(join(root, name), join(copy, name), { recursive: true })
  }
  const archive = join(dir, 'again.oci.tar')
  const script = 'umask 077; mount --bind "$1" node_modules; shift; exec "$@"'
  const modules = join(root, 'node_modules')
  const words = [nodeBinary, 'image/build.ts', ...options(archive, inputs)]
  const within = ['-C', copy, 'unshare', '--mount', 'sh', '-ec', script, 'sh', modules]
  const env = { ...process.env, ...origin, TZ: 'Asia/Tokyo', LC_ALL: 'C', USER: 'somebody' }
  await run('env', [...within, ...words], { env, timeoutMs: buildMs })
  return archive
}

/** A descriptor of the image specification. */
interface Descriptor {
  readonly digest: string
  readonly platform?: { readonly architecture: string; readonly os: string }
  readonly annotations?: Readonly<Record<string, string>>
}

/** The config of an image. */
export interface ImageConfig {
  readonly architecture: string
  readonly config: { readonly User: string; readonly Labels: Readonly<Record<string, string>> }
}

/** An image of one processor, out of its archive. */
export interface UnpackedImage {
  readonly architecture: string
  readonly config: ImageConfig
  /** Digests, the lowest first. */
  readonly layers: readonly string[]
  /** Its root file system, unpacked as root. */
  readonly rootFs: string
}

/** Unpacks an archive: the digest of what it holds, and every platform with its root file system below `dir`. */
export async function unpackImage(
  archive: string,
  dir: string,
): Promise<{ readonly digest: string; readonly platforms: readonly UnpackedImage[] }> {
  const layout = join(dir, 'layout')
  await mkdir(layout, { recursive: true })
  await run('tar', ['-xf', archive, '-C', layout])
  const blob = (digest: string) => join(layout, 'blobs', digest.replace(':', '/'))
  const read = async <T>(path: string): Promise<T> => JSON.parse(await readFile(path, 'utf8')) as T
  const [image] = (await read<{ manifests: Descriptor[] }>(join(layout, 'index.json'))).manifests
  if (image === undefined) throw new Error('the archive names no image')
  const index = await read<{ manifests: Descriptor[] }>(blob(image.digest))
  const platforms: UnpackedImage[] = []
  for (const { digest, platform } of index.manifests) {
    const manifest = await read<{ config: Descriptor; layers: Descriptor[] }>(blob(digest))
    const architecture = platform?.architecture ?? ''
    const rootFs = join(dir, architecture)
    await mkdir(rootFs)
    for (const layer of manifest.layers) {
      await run('tar', ['-xzpf', blob(layer.digest), '-C', rootFs, '--numeric-owner'])
    }
    const layers = manifest.layers.map(layer => layer.digest)
    const config = await read<ImageConfig>(blob(manifest.config.digest))
    platforms.push({ architecture, rootFs, layers, config })
  }
  return { digest: image.digest, platforms }
}
